package import Application
package import AsyncHTTPClient
import Domain
package import NIOCore
import NIOHTTP1

/// Fetches what users name by URL, from hosts that the operator allows.
///
/// Each redirect's target is held against the policy like the first address.
package struct HTTPContentFetcher: ContentFetcher {
  /// What a fetch may take.
  package struct Limits: Sendable {
    /// The most bytes of a body.
    package var maximumBytes = 20 << 20
    /// The most redirects that are followed.
    package var maximumRedirects = 5
    /// The time for all of it, redirects included.
    package var total: TimeAmount = .seconds(30)

    /// The standard limits.
    package init() {}
  }

  private let policy: EgressPolicy
  private let client: HTTPClient
  private let limits: Limits

  /// Makes a fetcher.
  ///
  /// - Parameter client: made with ``EgressHTTPClient/configuration(connectTimeout:)``; whoever made it shuts it down.
  package init(policy: EgressPolicy, client: HTTPClient, limits: Limits = Limits()) {
    self.policy = policy
    self.client = client
    self.limits = limits
  }

  package func check(_ url: String) throws(FetchFailure) { try policy.check(url) }

  package func fetch(_ url: String) async throws(FetchFailure) -> Payload {
    var address = try policy.check(url)
    let deadline = NIODeadline.now() + limits.total
    for _ in 0...limits.maximumRedirects {
      switch try await answer(of: address, deadline: deadline) {
      case .content(let payload): return payload
      case .redirect(let location):
        do { address = try address.resolving(location) } catch { throw .refused("redirected: " + error.reason) }
        try policy.check(address)
      }
    }
    throw .invalid("\(address.host) redirects more than \(limits.maximumRedirects) times")
  }

  private enum Answer {
    case content(Payload)
    case redirect(String)
  }

  private func answer(of address: WebAddress, deadline: NIODeadline) async throws(FetchFailure) -> Answer {
    var request = HTTPClientRequest(url: address.text)
    request.headers.add(name: "accept", value: "text/html, text/markdown, text/plain, */*;q=0.1")
    request.headers.add(name: "accept-encoding", value: "identity")
    request.headers.add(name: "user-agent", value: "opentier")
    do {
      return try await withDeadline(deadline) { [request] in
        let response = try await client.execute(request, deadline: deadline)
        switch response.status.code {
        case 200..<300: break
        case 301, 302, 303, 307, 308:
          guard let location = response.headers.first(name: "location") else {
            throw FetchFailure.invalid("\(address.host) redirects without saying where")
          }
          return .redirect(location)
        case 408, 425, 429, 500...: throw FetchFailure.unavailable("\(address.host) answers \(response.status.code)")
        default: throw FetchFailure.invalid("\(address.host) answers \(response.status.code)")
        }
        if let encoding = response.headers.first(name: "content-encoding"), encoding.lowercased() != "identity" {
          throw FetchFailure.invalid("\(address.host) sends a compressed body although it was asked not to")
        }
        if let length = response.headers.first(name: "content-length").flatMap(Int.init), length > limits.maximumBytes {
          throw tooLarge(address)
        }
        var bytes: [UInt8] = []
        for try await part in response.body {
          guard bytes.count + part.readableBytes <= limits.maximumBytes else { throw tooLarge(address) }
          bytes += part.readableBytesView
        }
        try Task.checkCancellation()
        let type = response.headers.first(name: "content-type").map(MediaType.init) ?? .unknown
        return .content(Payload(bytes: bytes, mediaType: type, fileName: address.fileName))
      }
    } catch let failure as FetchFailure {
      throw failure
    } catch {
      guard !Task.isCancelled else { throw .cancelled }
      if error is DeadlineExceeded || (error as? HTTPClientError) == .deadlineExceeded {
        throw .unavailable("\(address.host) took longer than \(limits.total.nanoseconds / 1_000_000_000) s")
      }
      throw .unavailable("\(address.host):\(address.port) cannot be reached or broke off")
    }
  }

  private func tooLarge(_ address: WebAddress) -> FetchFailure {
    .invalid("\(address.host) sends more than \(limits.maximumBytes) bytes")
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

extension WebAddress {
  /// The last part of the path, percent-decoded, without control characters and slashes; `nil` where there is none.
  var fileName: String? {
    guard let part = path.split(separator: "/", omittingEmptySubsequences: false).last, !part.isEmpty else {
      return nil
    }
    var bytes: [UInt8] = []
    var rest = part.utf8[...]
    while let byte = rest.popFirst() {
      let digits = String(rest.prefix(2)) ?? ""
      if byte == UInt8(ascii: "%"), digits.utf8.count == 2, !digits.hasPrefix("+"), !digits.hasPrefix("-"),
        let value = UInt8(digits, radix: 16)
      {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    let name = String(decoding: bytes, as: UTF8.self).unicodeScalars.filter {
      $0 != "/" && $0 != "\\" && $0.properties.generalCategory != .control
    }
    let text = String(String.UnicodeScalarView(name)).prefix(255)
    return text.isEmpty || text.allSatisfy { $0 == "." } ? nil : String(text)
  }
}
