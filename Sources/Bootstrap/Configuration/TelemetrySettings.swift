extension ServerConfiguration {
  /// Where traces go.
  package struct Telemetry: Sendable {
    /// `telemetry.otlp.endpoint`: a collector's base URL, before `/v1/traces`; `nil` records no spans.
    package let endpoint: String?
    /// `telemetry.otlp.headers`: what every export carries, `name=value`.
    package let headers: [(name: String, value: Secret)]
    /// `telemetry.otlp.timeout`: how long one export may take.
    package let timeout: Duration
    /// `telemetry.otlp.interval`: how long spans wait for others.
    package let interval: Duration
    /// `telemetry.otlp.queue`: how many spans wait at most.
    package let queue: Int
    /// `telemetry.sampling`: of a hundred traces that begin here, how many are recorded.
    package let sampling: Int
    /// `telemetry.serviceName`.
    package let serviceName: String
  }
}

extension ServerConfiguration.Telemetry {
  init(_ reader: inout SettingsReader) throws(ConfigurationFailure) {
    endpoint = try reader.optional("telemetry.otlp.endpoint", ModelTarget.address).map(ModelTarget.withoutSlash)
    let lines = try reader.optional(
      "telemetry.otlp.headers",
      .secret("name=value, several with commas between", where: { Self.headers($0) != nil }))
    headers = lines.flatMap { Self.headers($0.reveal()) } ?? []
    timeout = try reader.value(
      "telemetry.otlp.timeout", .duration(.milliseconds(100)...(.seconds(60))), default: .seconds(10))
    interval = try reader.value(
      "telemetry.otlp.interval", .duration(.milliseconds(100)...(.seconds(300))), default: .seconds(5))
    queue = try reader.value("telemetry.otlp.queue", .integer(512...1_048_576), default: 2_048)
    sampling = try reader.value("telemetry.sampling", .integer(0...100), default: 100)
    serviceName = try reader.value(
      "telemetry.serviceName", .text("a name of at most 200 characters") { (1...200).contains($0.count) },
      default: "opentier")
  }

  private static func headers(_ text: String) -> [(name: String, value: Secret)]? {
    let lines = text.split(separator: ",").map(header)
    let known = lines.compactMap { $0 }
    return known.count == lines.count ? known : nil
  }

  /// A field of HTTP (RFC 9110 §5): a token, and visible characters or spaces.
  private static func header(_ line: Substring) -> (name: String, value: Secret)? {
    let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty,
      parts[0].utf8.allSatisfy({ isTokenCharacter($0) }), parts[1].utf8.allSatisfy({ (0x20...0x7E).contains($0) })
    else { return nil }
    return (parts[0], Secret(parts[1]))
  }

  private static func isTokenCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }
}
