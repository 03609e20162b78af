/// What calls of models may use.
package struct QuotaSettings: Sendable {
  /// What those may use that are counted together; `nil` is without limit.
  package struct Scope: Sendable {
    /// `requestsPerMinute`.
    package let requestsPerMinute: Int?
    /// `burst`: requests at once when none came for long.
    package let burst: Int
    /// `concurrentStreams`: answers that are being written at once.
    package let concurrentStreams: Int?
    /// `tokensPerDay`, of UTC.
    package let tokensPerDay: Int?
  }

  /// `quotas.user`: of each user.
  package let user: Scope
  /// `quotas.apiKey`: of each API key, besides what its user may.
  package let apiKey: Scope
  /// `quotas.organization`: of all users of an organisation together.
  package let organization: Scope
  /// `quotas.user.firstDayRequests`: in the first 24 hours of an account, but for admins.
  package let firstDayRequests: Int?
  /// `quotas.replyTokens`: reserved for a reply whose length nobody limits.
  package let replyTokens: Int
  /// `quotas.toolRounds`: of `chat.toolRounds`, how many are reserved for.
  package let toolRounds: Int
  /// `quotas.lease`: how long a call still counts as open when its process died.
  package let lease: Duration
}

/// How budgets work.
package struct BudgetSettings: Sendable {
  /// `budgets.currency`: what prices and budgets are in.
  package let currency: String
  /// `budgets.alerts`: the percentages that are told, ascending.
  package let alerts: [Int]
  /// `budgets.stop`: the percentage beyond which calls that cost something are refused.
  package let stop: Int
}

extension QuotaSettings {
  /// Reads `quotas`; without a word only the production profile limits anything.
  init(_ reader: inout SettingsReader, _ profile: ServerConfiguration.Profile) throws(ConfigurationFailure) {
    let isShared = profile == .production
    user = try Scope(
      "quotas.user", requests: isShared ? 100 : 0, streams: isShared ? 5 : 0, tokens: isShared ? 100_000 : 0, &reader)
    firstDayRequests = try Scope.limit("quotas.user.firstDayRequests", 1_000_000, isShared ? 10 : 0, &reader)
    apiKey = try Scope("quotas.apiKey", requests: 0, streams: 0, tokens: 0, &reader)
    organization = try Scope("quotas.organization", requests: 0, streams: 0, tokens: 0, &reader)
    replyTokens = try reader.value("quotas.replyTokens", .integer(1...1_000_000), default: 1_024)
    toolRounds = try reader.value("quotas.toolRounds", .integer(0...16), default: 2)
    lease = try reader.value("quotas.lease", .duration(.seconds(3)...(.seconds(3_600))), default: .seconds(60))
  }
}

extension QuotaSettings.Scope {
  fileprivate init(
    _ key: String, requests: Int, streams: Int, tokens: Int, _ reader: inout SettingsReader
  ) throws(ConfigurationFailure) {
    requestsPerMinute = try Self.limit("\(key).requestsPerMinute", 1_000_000, requests, &reader)
    burst = try reader.value("\(key).burst", .integer(1...1_000_000), default: requestsPerMinute ?? 100)
    concurrentStreams = try Self.limit("\(key).concurrentStreams", 1_000_000, streams, &reader)
    tokensPerDay = try Self.limit("\(key).tokensPerDay", 1_000_000_000_000, tokens, &reader)
  }

  /// A limit; `nil` for 0, which is none.
  fileprivate static func limit(
    _ key: String, _ maximum: Int, _ standard: Int, _ reader: inout SettingsReader
  ) throws(ConfigurationFailure) -> Int? {
    let limit = try reader.value(key, .integer(0...maximum), default: standard)
    return limit > 0 ? limit : nil
  }
}

extension BudgetSettings {
  init(_ reader: inout SettingsReader) throws(ConfigurationFailure) {
    currency = try reader.value(
      "budgets.currency",
      .text("three capital letters, such as EUR") { text in
        text.utf8.count == 3 && text.utf8.allSatisfy { (0x41...0x5A).contains($0) }
      }, default: "USD")
    let form = "a list of whole numbers from 1 to 100, each once"
    let texts = try reader.value(
      "budgets.alerts", .list(form) { Int($0).map { (1...100).contains($0) } ?? false }, default: ["70", "85", "95"])
    let alerts = texts.compactMap { Int($0) }
    guard Set(alerts).count == alerts.count else {
      throw .invalidValue(
        key: "budgets.alerts", shown: "\"" + texts.joined(separator: ", ") + "\"",
        source: reader.fileSource(of: "budgets.alerts"), accepted: form)
    }
    self.alerts = alerts.sorted()
    stop = try reader.value("budgets.stop", .integer(100...1_000), default: 110)
  }
}
