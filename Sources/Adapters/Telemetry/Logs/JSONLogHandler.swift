package import FoundationEssentials
package import Logging

/// Writes one JSON object (RFC 8259) a line: `timestamp` (RFC 3339, UTC, milliseconds), `level`, `message`, `service`,
/// `logger`, then `trace_id`, `span_id`, `request_id`, `user_id` and `organization_id` where known, then all other
/// metadata under its own keys in alphabetical order.
///
/// Metadata whose key is one of the first five is written as `metadata_<key>`. A text of more than ``maximumText``
/// bytes is cut, and a line that would grow beyond ``maximumLine`` bytes leaves out what no longer fits; either adds
/// `"truncated":true`.
package struct JSONLogHandler: LogHandler {
  /// The most bytes of a line, its line feed included.
  package static let maximumLine = 16 * 1024
  /// The most bytes of the message or of one text in the metadata, before escaping.
  package static let maximumText = 4 * 1024
  private static let ownKeys: Set<String> = ["timestamp", "level", "message", "service", "logger", "truncated"]

  package var logLevel: Logger.Level = .info
  package var metadata: Logger.Metadata = [:]
  package var metadataProvider: Logger.MetadataProvider?
  private let label: String
  private let service: String
  private let output: any LogOutput
  private let now: @Sendable () -> Date

  /// Makes a handler.
  ///
  /// - Parameters:
  ///   - label: the logger's label.
  ///   - service: names the process, such as `opentier`.
  package init(
    label: String,
    service: String,
    output: any LogOutput,
    metadataProvider: Logger.MetadataProvider?,
    now: @escaping @Sendable () -> Date = { Date() }
  ) {
    self.label = label
    self.service = service
    self.output = output
    self.metadataProvider = metadataProvider
    self.now = now
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    let line = LogLine(event: event, time: now(), provider: metadataProvider, logger: metadata)
    output.write(line: encode(line))
  }

  func encode(_ line: LogLine) -> [UInt8] {
    var object = JSONLine(maximumLine: Self.maximumLine, maximumText: Self.maximumText)
    let timestamp = line.time.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    object.append("timestamp", .string(timestamp))
    object.append("level", .string(line.event.level.rawValue))
    object.append("message", .string(line.event.message.description))
    object.append("service", .string(service))
    object.append("logger", .string(label))
    for (key, value) in line.metadata {
      object.append(Self.ownKeys.contains(key) ? "metadata_" + key : key, value)
    }
    return object.finished()
  }
}
