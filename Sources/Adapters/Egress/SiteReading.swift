package import Application
package import Domain
import NIOCore
import NIOHTTP1

extension HTTPContentFetcher: SiteReader {
  package func page(_ url: String, unlike validators: ItemValidators) async throws(FetchFailure) -> PageAnswer {
    let address = try policy.check(url)
    let rules = try await rules(of: address, deadline: NIODeadline.now() + limits.total)
    guard rules.allow(address.target) else { return .disallowed }
    let asked = rules.delay.map { Duration.seconds(min($0, limits.maximumPace / .seconds(1))) } ?? .zero
    let turn = await pace.turn(of: address.origin, interval: max(asked, limits.pace))
    do { try await Task.sleep(until: turn, clock: .continuous) } catch { throw .cancelled }
    var headers = Self.headers
    if let etag = validators.etag { headers.add(name: "if-none-match", value: etag) }
    if let time = validators.lastModified { headers.add(name: "if-modified-since", value: time) }
    let answer = try await exchange.get(
      address, headers: headers, maximumBytes: limits.maximumBytes, deadline: NIODeadline.now() + limits.total)
    switch answer.status {
    case 200..<300:
      return .page(
        payload(answer, of: address), etag: answer.headers.stored("etag"),
        lastModified: answer.headers.stored("last-modified"),
        robots: answer.headers["x-robots-tag"].map(PageDirectives.init(header:)).reduce(PageDirectives()) {
          $0.union($1)
        })
    case 304 where validators.etag != nil || validators.lastModified != nil: return .notModified
    case 301, 302, 303, 307, 308: return .redirect(to: try location(answer, of: address))
    case 404, 410: return .gone(status: answer.status)
    default: throw Self.failure(answer.status, of: address)
    }
  }

  /// The rules of an address's site (RFC 9309 §2.3.1): a file that is not there allows everything, one that cannot be
  /// read nothing for now. Redirects are followed within the policy, and count as not there beyond the limit.
  func rules(of address: WebAddress, deadline: NIODeadline) async throws(FetchFailure) -> RobotsRules {
    if let known = await robots.rules(of: address.origin) { return known }
    let rules = try await fetchRules(of: address, deadline: deadline)
    await robots.remember(rules, of: address.origin)
    return rules
  }

  private func fetchRules(of page: WebAddress, deadline: NIODeadline) async throws(FetchFailure) -> RobotsRules {
    guard var address = try? WebAddress(page.origin + "/robots.txt") else { return .allowsAll }
    for _ in 0...limits.maximumRedirects {
      let answer: HTTPExchange.Answer
      do throws(FetchFailure) {
        answer = try await exchange.get(
          address, headers: ["accept": "text/plain, */*;q=0.1"], maximumBytes: RobotsRules.maximumBytes, excess: .cut,
          deadline: deadline)
      } catch {
        guard case .unavailable(let why) = error else { throw error }
        throw .unavailable("its robots.txt cannot be read: \(why)")
      }
      switch answer.status {
      case 200..<300: return RobotsRules(answer.bytes, agent: Self.agent)
      case 301, 302, 303, 307, 308:
        guard let location = answer.headers.first(name: "location"), let target = try? address.resolving(location)
        else {
          return .allowsAll
        }
        try policy.check(target)
        address = target
      case 429, 500...:
        throw .unavailable("its robots.txt cannot be read: \(address.host) answers \(answer.status)")
      default: return .allowsAll
      }
    }
    return .allowsAll
  }
}

extension HTTPHeaders {
  /// A field as it can be stored and sent again; what is longer than any sensible validator is none.
  fileprivate func stored(_ name: String) -> String? {
    first(name: name).flatMap { $0.utf8.count <= 500 && !NullCharacter.isIn($0) ? $0 : nil }
  }
}

extension PageDirectives {
  /// Reads a field `X-Robots-Tag`: a list, for all crawlers or, behind a name and a colon, for one.
  fileprivate init(header: String) {
    guard let colon = header.firstIndex(of: ":"), !header[..<colon].contains(",") else {
      self.init(list: header)
      return
    }
    let name = header[..<colon].trimmingWhitespace().lowercased()
    // `unavailable_after: …` and the like are no names of crawlers, and nothing that is looked at here.
    self.init(list: name == HTTPContentFetcher.agent ? String(header[header.index(after: colon)...]) : "")
  }
}
