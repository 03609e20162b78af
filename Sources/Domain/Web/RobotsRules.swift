/// What a site's `robots.txt` allows one crawler (RFC 9309).
package struct RobotsRules: Hashable, Sendable {
  /// The most bytes of a file that are read (RFC 9309 §2.5 asks for at least 500 KiB).
  package static let maximumBytes = 500 << 10
  /// Everything is allowed: what a site without the file says.
  package static let allowsAll = RobotsRules(rules: [], delay: nil)

  /// A line that allows or forbids the paths that match.
  private struct Rule: Hashable {
    let isAllowed: Bool
    let pattern: [UInt8]
    let isAnchored: Bool
    /// How specific it is: the length of what was written, in bytes.
    let length: Int
  }

  private let rules: [Rule]
  /// Seconds that should lie between two requests, where the file says so: not in the RFC, but widely used.
  package let delay: Double?

  private init(rules: [Rule], delay: Double?) {
    self.rules = rules
    self.delay = delay
  }

  /// Reads a file for a crawler. All groups that name it count together; where none does, those for `*`. What is no
  /// line of the format is passed over (RFC 9309 §2.2).
  ///
  /// - Parameters:
  ///   - bytes: the file; what is behind ``maximumBytes`` is not read.
  ///   - agent: the crawler's product token, such as `opentier`; compared without regard to case.
  package init(_ bytes: some Collection<UInt8>, agent: String) {
    var text = String(decoding: bytes.prefix(Self.maximumBytes), as: UTF8.self)
    if text.hasPrefix("\u{FEFF}") { text.removeFirst() }
    var own = Group()
    var others = Group()
    var agents: [String] = []
    var isListingAgents = false
    for line in text.split(whereSeparator: \.isNewline) {
      let content = line.prefix { $0 != "#" }
      guard let colon = content.firstIndex(of: ":") else { continue }
      let name = content[..<colon].trimmingWhitespace().lowercased()
      let value = content[content.index(after: colon)...].trimmingWhitespace()
      if name == "user-agent" {
        if !isListingAgents { agents = [] }
        isListingAgents = true
        agents.append(Self.token(value))
        if agents.last == agent.lowercased() { own.isNamed = true }
        continue
      }
      // A line that is neither does not end the list of agents (RFC 9309 §2.2.1: only rules do).
      guard ["allow", "disallow", "crawl-delay"].contains(name) else { continue }
      isListingAgents = false
      if agents.contains(agent.lowercased()) { own.add(name, String(value)) }
      if agents.contains("*") { others.add(name, String(value)) }
    }
    let group = own.isNamed ? own : others
    self.init(rules: group.rules, delay: group.delay)
  }

  /// Whether a path with its query may be fetched: the longest match decides, and of two as long the one that allows.
  package func allow(_ target: String) -> Bool {
    guard target != "/robots.txt" else { return true }
    let bytes = Array(WebAddress.normalisedEscapes(target).utf8)
    var best: Rule?
    for rule in rules where Self.matches(rule, bytes) {
      if let found = best, (found.length, found.isAllowed ? 1 : 0) >= (rule.length, rule.isAllowed ? 1 : 0) { continue }
      best = rule
    }
    return best?.isAllowed ?? true
  }

  /// A product token: what is before the first character that cannot be in one, so that `opentier/1.0` is `opentier`.
  private static func token(_ value: some StringProtocol) -> String {
    guard value != "*" else { return "*" }
    return String(value.prefix { $0.isASCII && ($0.isLetter || $0 == "_" || $0 == "-") }).lowercased()
  }

  /// Whether a pattern matches from the start; `*` is any run of bytes. In time linear in the product of both lengths.
  private static func matches(_ rule: Rule, _ path: [UInt8]) -> Bool {
    let pattern = rule.pattern
    var (place, index) = (0, 0)
    var star: (pattern: Int, path: Int)?
    while true {
      if place == pattern.count, !rule.isAnchored || index == path.count { return true }
      if place < pattern.count, pattern[place] == UInt8(ascii: "*") {
        star = (place + 1, index)
        place += 1
      } else if place < pattern.count, index < path.count, pattern[place] == path[index] {
        place += 1
        index += 1
      } else if let last = star, last.path < path.count {
        star = (last.pattern, last.path + 1)
        (place, index) = (last.pattern, last.path + 1)
      } else {
        return false
      }
    }
  }

  private struct Group {
    var isNamed = false
    var rules: [Rule] = []
    var delay: Double?

    mutating func add(_ name: String, _ value: String) {
      if name == "crawl-delay" {
        if let seconds = Double(value), seconds.isFinite, seconds >= 0 { delay = max(delay ?? 0, seconds) }
        return
      }
      // An empty value matches nothing: `Disallow:` allows all.
      guard !value.isEmpty else { return }
      let encoded = value.utf8.map { byte in
        (0x21...0x7E).contains(byte)
          ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }.joined()
      var pattern = Array(WebAddress.normalisedEscapes(encoded).utf8)
      let isAnchored = pattern.last == UInt8(ascii: "$")
      if isAnchored { pattern.removeLast() }
      rules.append(
        Rule(isAllowed: name == "allow", pattern: pattern, isAnchored: isAnchored, length: value.utf8.count))
    }
  }
}
