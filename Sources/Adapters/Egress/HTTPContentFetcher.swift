package import Application
import Domain
package import NIOCore
import NIOHTTP1

/// Fetches what users name by URL, from hosts that the operator allows, as their `robots.txt` allows.
///
/// Each redirect's target is held against the policy and the rules of its site like the first address.
package struct HTTPContentFetcher: ContentFetcher {
  /// What this server calls itself, to sites and in their `robots.txt`.
  package static let agent = "opentier"

  /// What a fetch may take.
  package struct Limits: Sendable {
    /// The most bytes of a body.
    package var maximumBytes = 20 << 20
    /// The most redirects that are followed.
    package var maximumRedirects = 5
    /// The time for all of it, redirects included.
    package var total: TimeAmount = .seconds(30)
    /// How long lies between two requests to one host while a site is crawled.
    package var pace: Duration = .seconds(1)
    /// The longest time between two requests that a site can ask for: one that asks for more is asked so often.
    package var maximumPace: Duration = .seconds(30)

    /// The standard limits.
    package init() {}
  }

  let policy: EgressPolicy
  let limits: Limits
  let exchange: HTTPExchange
  let robots = RobotsDirectory()
  let pace = HostPace()

  /// Makes a fetcher.
  ///
  /// - Parameters:
  ///   - clients: whoever made them shuts them down.
  ///   - lookup: finds the addresses behind names, which are held against the policy before they are connected to.
  package init(
    policy: EgressPolicy, clients: EgressClients, limits: Limits = Limits(), lookup: AddressLookup = .system()
  ) {
    self.policy = policy
    self.limits = limits
    exchange = HTTPExchange(policy: policy, clients: clients, lookup: lookup, total: limits.total)
  }

  package func check(_ url: String) throws(FetchFailure) { try policy.check(url) }

  /// The addresses that a program of its own may connect to in place of an allowed host's name.
  package func addresses(of url: String) async throws(FetchFailure) -> ResolvedAddress {
    let address = try policy.check(url)
    do {
      return ResolvedAddress(
        host: address.host, port: address.port,
        addresses: try await exchange.addresses(of: address).map { "\($0)" })
    } catch let failure as FetchFailure {
      throw failure
    } catch {
      throw Task.isCancelled ? .cancelled : .unavailable("\(address.host) cannot be found")
    }
  }

  package func fetch(_ url: String) async throws(FetchFailure) -> Payload {
    var address = try policy.check(url)
    let deadline = NIODeadline.now() + limits.total
    for _ in 0...limits.maximumRedirects {
      guard try await rules(of: address, deadline: deadline).allow(address.target) else {
        throw .refused("the robots.txt of \(address.host) does not allow it")
      }
      let answer = try await exchange.get(
        address, headers: Self.headers, maximumBytes: limits.maximumBytes, deadline: deadline)
      switch answer.status {
      case 200..<300: return payload(answer, of: address)
      case 301, 302, 303, 307, 308:
        do { address = try address.resolving(try location(answer, of: address)) } catch let failure as FetchFailure {
          throw failure
        } catch {
          throw .refused("redirected: \((error as? WebAddress.Malformed)?.reason ?? "\(error)")")
        }
        try policy.check(address)
      default: throw Self.failure(answer.status, of: address)
      }
    }
    throw .invalid("\(address.host) redirects more than \(limits.maximumRedirects) times")
  }

  static let headers: HTTPHeaders = ["accept": "text/html, text/markdown, text/plain, */*;q=0.1"]

  func payload(_ answer: HTTPExchange.Answer, of address: WebAddress) -> Payload {
    let type = answer.headers.first(name: "content-type").map(MediaType.init) ?? .unknown
    return Payload(bytes: answer.bytes, mediaType: type, fileName: address.fileName)
  }

  func location(_ answer: HTTPExchange.Answer, of address: WebAddress) throws(FetchFailure) -> String {
    guard let location = answer.headers.first(name: "location") else {
      throw .invalid("\(address.host) redirects without saying where")
    }
    return location
  }

  /// What a status means that is neither success nor a redirect.
  static func failure(_ status: Int, of address: WebAddress) -> FetchFailure {
    switch status {
    case 408, 425, 429, 500...: .unavailable("\(address.host) answers \(status)")
    default: .invalid("\(address.host) answers \(status)")
    }
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
