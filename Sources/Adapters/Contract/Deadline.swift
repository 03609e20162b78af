/// Holds calls to their deadline, for every wire alike.
enum Deadline {
  /// Does work until it is done or the deadline has passed.
  ///
  /// Work that is late is cancelled and waited for, so that nothing of a call goes on when it has been answered.
  ///
  /// - Throws: `deadline_exceeded` when the deadline has passed first, else what `work` throws.
  static func hold<Value: Sendable>(
    to deadline: ContinuousClock.Instant?, _ work: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    guard let deadline else { return try await work() }
    guard deadline > .now else { throw exceeded }
    return try await withThrowingTaskGroup(of: Value?.self) { group in
      group.addTask { try await work() }
      group.addTask {
        try await Task.sleep(until: deadline, clock: .continuous)
        return nil
      }
      defer { group.cancelAll() }
      guard case .some(.some(let value)) = try await group.next() else { throw exceeded }
      return value
    }
  }

  private static var exceeded: ContractError {
    ContractError(.deadlineExceeded, "the time that the call was given has run out")
  }
}
