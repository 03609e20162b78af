import FoundationEssentials
import Logging

/// What both log formats show of an event: the merged metadata, those keys first that every line may have.
struct LogLine {
  /// The metadata keys that come first, in this order.
  static let leadingKeys = ["trace_id", "span_id", "request_id", "user_id", "organization_id"]

  let event: LogEvent
  let time: Date
  let metadata: [(key: String, value: Logger.MetadataValue)]

  /// Merges the provider's metadata, the logger's and the event's; the later win.
  init(event: LogEvent, time: Date, provider: Logger.MetadataProvider?, logger: Logger.Metadata) {
    self.event = event
    self.time = time
    var merged = provider?.get() ?? [:]
    merged.merge(logger) { $1 }
    merged.merge(event.metadata ?? [:]) { $1 }
    if let error = event.error, merged["error"] == nil { merged["error"] = .string(String(describing: error)) }
    let leading = Self.leadingKeys.compactMap { key in merged[key].map { (key, $0) } }
    let others = merged.filter { !Self.leadingKeys.contains($0.key) }.sorted { $0.key < $1.key }
    metadata = leading + others.map { ($0.key, $0.value) }
  }
}
