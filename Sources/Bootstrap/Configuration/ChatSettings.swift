extension ServerConfiguration.Chat {
  init(_ reader: inout SettingsReader) throws(ConfigurationFailure) {
    maximumSources = try reader.value("chat.maximumSources", .integer(1...50), default: 6)
    contextTokens = try reader.value("chat.contextTokens", .integer(100...1_000_000), default: 3000)
    neighbours = try reader.value("chat.neighbours", .integer(0...4), default: 0)
    toolRounds = try reader.value("chat.toolRounds", .integer(0...16), default: 0)
    toolCalls = try reader.value("chat.toolCalls", .integer(1...32), default: 4)
    toolTimeout = try reader.value(
      "chat.toolTimeout", .duration(.milliseconds(100)...(.seconds(120))), default: .seconds(10))
    toolResultBytes = try reader.value("chat.toolResultBytes", .bytes(1024...(1 << 20)), default: 16 << 10)
    keepAlive = try reader.value("chat.keepAlive", .duration(.seconds(1)...(.seconds(300))), default: .seconds(15))
    resumeWindow = try reader.value(
      "chat.resumeWindow", .duration(.seconds(2)...(.seconds(3600))), default: .seconds(60))
    maximumResumable = try reader.value("chat.maximumResumable", .integer(1...100_000), default: 256)
    maximumResumablePerUser = try reader.value("chat.maximumResumablePerUser", .integer(1...1000), default: 8)
    maximumResumableBytes = try reader.value(
      "chat.maximumResumableBytes", .bytes(1024...(64 << 20)), default: 2 << 20)
    maximumResumableEvents = try reader.value("chat.maximumResumableEvents", .integer(1...1_000_000), default: 65_536)
  }
}

extension ServerConfiguration.ResponseCacheSettings {
  /// `nil` where there is no room for any.
  init?(_ reader: inout SettingsReader) throws(ConfigurationFailure) {
    maximumBytes = try reader.value("cache.responses.maximumBytes", .bytes(0...(64 << 30)), default: 0)
    maximumEntryBytes = try reader.value(
      "cache.responses.maximumEntryBytes", .bytes(1024...(64 << 20)), default: 1 << 20)
    timeToLive = try reader.value(
      "cache.responses.timeToLive", .duration(.seconds(1)...(.seconds(30 * 86_400))), default: .seconds(3600))
    if maximumBytes == 0 { return nil }
  }
}
