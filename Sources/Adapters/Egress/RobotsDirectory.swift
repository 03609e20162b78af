import Application
import Domain

/// The rules of sites, as far as they were asked for lately.
actor RobotsDirectory {
  /// How long rules are believed (RFC 9309 §2.4: at most 24 hours).
  private static let lifetime: Duration = .seconds(3_600)
  /// How many sites are remembered.
  private static let maximumSites = 1_000
  private var known: [String: (rules: RobotsRules, until: ContinuousClock.Instant)] = [:]

  /// The rules of a site, if they are still believed.
  func rules(of origin: String) -> RobotsRules? {
    guard let entry = known[origin], entry.until > .now else { return nil }
    return entry.rules
  }

  /// Remembers rules.
  func remember(_ rules: RobotsRules, of origin: String) {
    if known.count >= Self.maximumSites { known = known.filter { $0.value.until > .now } }
    if known.count >= Self.maximumSites { known = [:] }
    known[origin] = (rules, .now + Self.lifetime)
  }
}
