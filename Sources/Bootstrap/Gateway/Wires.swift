package import ServiceLifecycle

/// Servers that are told to stop at the same time: a service group stops its services one after the other, and each
/// has the whole grace time.
package struct Wires: Service {
  private let services: [any Service]

  /// Runs these.
  package init(_ services: [any Service]) { self.services = services }

  /// Runs all, until they have ended or one has failed.
  package func run() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for service in services { group.addTask { try await service.run() } }
      // Unlike `waitForAll`, this ends with the first failure, and so cancels the others.
      while try await group.next() != nil {}
    }
  }
}
