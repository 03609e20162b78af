package import FoundationEssentials
package import Logging

/// Writes lines for people: time of day (UTC), level, message, then metadata as `key=value`, errors and warnings in
/// colour where colour is wanted. Control characters are escaped, so that what a client sent cannot steer a terminal.
package struct TextLogHandler: LogHandler {
  package var logLevel: Logger.Level = .info
  package var metadata: Logger.Metadata = [:]
  package var metadataProvider: Logger.MetadataProvider?
  private let label: String
  private let output: any LogOutput
  private let isColored: Bool
  private let now: @Sendable () -> Date

  /// Makes a handler.
  package init(
    label: String,
    output: any LogOutput,
    isColored: Bool,
    metadataProvider: Logger.MetadataProvider?,
    now: @escaping @Sendable () -> Date = { Date() }
  ) {
    self.label = label
    self.output = output
    self.isColored = isColored
    self.metadataProvider = metadataProvider
    self.now = now
  }

  /// Whether colours are wanted: on a terminal that is not `dumb`, unless `NO_COLOR` is set to anything but the empty
  /// text (https://no-color.org).
  package static func wantsColor(isTerminal: Bool, environment: [String: String]) -> Bool {
    isTerminal && (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    let line = LogLine(event: event, time: now(), provider: metadataProvider, logger: metadata)
    output.write(line: Array(format(line).utf8))
  }

  func format(_ line: LogLine) -> String {
    let time = line.time.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)).dropFirst(11).dropLast()
    var text = paint(String(time), "2") + " " + level(line.event.level)
    text += " " + escaped(line.event.message.description) + paint("  (\(escaped(label)))", "2")
    for (key, value) in line.metadata {
      text += " " + paint(escaped(key) + "=", "2") + quoted(value.description)
    }
    return text + "\n"
  }

  private func level(_ level: Logger.Level) -> String {
    let name = level.rawValue.uppercased()
    let padded = name + String(repeating: " ", count: max(0, 8 - name.utf8.count))
    switch level {
    case .critical, .error: return paint(padded, "31")
    case .warning: return paint(padded, "33")
    case .notice, .info: return paint(padded, "32")
    case .debug, .trace: return paint(padded, "2")
    }
  }

  /// SGR attributes (ECMA-48 §8.3.117): 2 faint, 31 red, 32 green, 33 yellow.
  private func paint(_ text: String, _ attribute: String) -> String {
    isColored ? "\u{1B}[\(attribute)m\(text)\u{1B}[0m" : text
  }

  private func quoted(_ value: String) -> String {
    let escaped = escaped(value)
    let isPlain = !escaped.isEmpty && !escaped.contains { $0 == " " || $0 == "\"" || $0 == "=" }
    return isPlain
      ? escaped
      : "\"" + escaped.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\\"") + "\""
  }

  private func escaped(_ text: String) -> String {
    let text = text.limited(to: JSONLogHandler.maximumText).text
    guard text.unicodeScalars.contains(where: \.isControl) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case "\r": result += "\\r"
      case _ where scalar.isControl: result += "\\u{" + String(scalar.value, radix: 16) + "}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
