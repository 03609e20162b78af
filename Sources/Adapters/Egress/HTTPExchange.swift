import Application
import AsyncHTTPClient
import Domain
import NIOCore
import NIOHTTP1

/// One request and its answer, within limits of time and size.
struct HTTPExchange: Sendable {
  /// What was answered, with the body only where it is wanted.
  struct Answer: Sendable {
    let status: Int
    let headers: HTTPHeaders
    let bytes: [UInt8]
    /// Whether the body had more bytes than were read.
    let isCut: Bool
  }

  /// What becomes of a body that is too large.
  enum Excess: Sendable {
    /// The exchange fails.
    case refused
    /// The rest is not read.
    case cut
  }

  let policy: EgressPolicy
  let clients: EgressClients
  let lookup: AddressLookup
  /// How long all of a fetch may take, for the words of a failure.
  let total: TimeAmount

  /// Asks, and reads the body of an answer in 200..<300.
  ///
  /// - Throws: `.refused` for a host whose addresses lead where they must not, `.unavailable` for one that does not
  ///   answer in time or breaks off, `.invalid` for a body that is compressed or too large, `.cancelled`.
  func get(
    _ address: WebAddress, headers: HTTPHeaders, maximumBytes: Int, excess: Excess = .refused, deadline: NIODeadline
  ) async throws(FetchFailure) -> Answer {
    var request = HTTPClientRequest(url: address.text)
    request.headers = headers
    request.headers.add(name: "accept-encoding", value: "identity")
    request.headers.add(name: "user-agent", value: HTTPContentFetcher.agent)
    do {
      return try await withDeadline(deadline) { [request] in
        _ = try await addresses(of: address)
        let response = try await clients[reach: policy.reach(of: address)].execute(request, deadline: deadline)
        let status = Int(response.status.code)
        guard (200..<300).contains(status) else {
          return Answer(status: status, headers: response.headers, bytes: [], isCut: false)
        }
        if let encoding = response.headers.first(name: "content-encoding"), encoding.lowercased() != "identity" {
          throw FetchFailure.invalid("\(address.host) sends a compressed body although it was asked not to")
        }
        let tooLarge = FetchFailure.invalid("\(address.host) sends more than \(maximumBytes) bytes")
        if excess == .refused, let length = response.headers.first(name: "content-length").flatMap(Int.init),
          length > maximumBytes
        {
          throw tooLarge
        }
        var bytes: [UInt8] = []
        var isCut = false
        for try await part in response.body {
          guard bytes.count + part.readableBytes <= maximumBytes else {
            guard excess == .cut else { throw tooLarge }
            bytes += part.readableBytesView.prefix(maximumBytes - bytes.count)
            isCut = true
            break
          }
          bytes += part.readableBytesView
        }
        try Task.checkCancellation()
        return Answer(status: status, headers: response.headers, bytes: bytes, isCut: isCut)
      }
    } catch let failure as FetchFailure {
      throw failure
    } catch let refused as RefusedAddress {
      throw Self.refused(address, refused.address)
    } catch {
      guard !Task.isCancelled else { throw .cancelled }
      if error is DeadlineExceeded || (error as? HTTPClientError) == .deadlineExceeded {
        throw .unavailable("\(address.host) took longer than \(total.nanoseconds / 1_000_000_000) s")
      }
      throw .unavailable("\(address.host):\(address.port) cannot be reached or broke off")
    }
  }

  /// The addresses behind an allowed host, all of which connections may go to.
  ///
  /// - Throws: `FetchFailure`, or `CancellationError`.
  func addresses(of address: WebAddress) async throws -> [NetworkAddress] {
    let found: [NetworkAddress]
    do { found = try await lookup(address.host) } catch let failure as AddressLookup.Failure {
      throw FetchFailure.unavailable("\(address.host) cannot be found: \(failure.reason)")
    }
    let reach = policy.reach(of: address)
    // One that must not be is enough: which one a connection takes is not decided here.
    if let refused = found.first(where: { !reach.permits($0) }) { throw Self.refused(address, refused) }
    return found
  }

  /// Which address it is stays untold: a name that somebody else made must not tell them about this network.
  private static func refused(_ address: WebAddress, _ refused: NetworkAddress?) -> FetchFailure {
    switch refused?.reach {
    case .loopback, .privateUse:
      .refused(
        "\(address.host) leads into this server's own network; an operator can add it to the setting egress.private")
    default: .refused("\(address.host) leads to an address that this server does not connect to")
    }
  }
}

private struct DeadlineExceeded: Error {}

/// Runs work and cancels it at a deadline.
private func withDeadline<Value: Sendable>(
  _ deadline: NIODeadline, _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
  try await withThrowingTaskGroup(of: Value.self) { group in
    group.addTask { try await work() }
    group.addTask {
      let left = deadline - .now()
      try await Task.sleep(for: .nanoseconds(max(left.nanoseconds, 0)))
      throw DeadlineExceeded()
    }
    defer { group.cancelAll() }
    guard let value = try await group.next() else { throw CancellationError() }
    return value
  }
}
