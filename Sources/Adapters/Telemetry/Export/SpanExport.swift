package import Logging
import Metrics

/// Sends the spans of a buffer to a collector, batch by batch, until it is cancelled, and then what is left.
///
/// A batch that the collector cannot take now is sent again, after waits that double or as long as it asks; one that it
/// refuses, or that has waited too long, is lost. That is counted, and logged once until it works again.
package struct SpanExport: Sendable {
  /// What a collector answered. Source: the OTLP specification 1.x, "OTLP/HTTP Response".
  package enum Answer: Hashable, Sendable {
    /// It took the batch, but for so many spans.
    case taken(rejected: Int, reason: String)
    /// It may take it later (429, 502, 503, 504, or no connection), after so long where it says so.
    case later(String, after: Duration?)
    /// It will not take it.
    case refused(String)
  }

  /// Times that tests shorten.
  package struct Settings: Sendable {
    /// How long spans wait for others.
    package var interval: Duration = .seconds(5)
    /// The wait before a batch is sent again; doubles each time.
    package var firstWait: Duration = .seconds(1)
    /// How often a batch is sent at most.
    package var attempts = 5
    /// The longest wait that a collector can ask for.
    package var longestWait: Duration = .seconds(30)
    /// How long what is left may take in the end.
    package var lastTime: Duration = .seconds(3)

    /// The standard times.
    package init() {}
  }

  private let buffer: SpanBuffer
  private let settings: Settings
  private let encode: @Sendable ([FinishedSpan]) -> [UInt8]
  private let send: @Sendable ([UInt8]) async -> Answer
  private let logger: Logger

  /// Makes an export.
  ///
  /// - Parameters:
  ///   - encode: a batch as the collector reads it.
  ///   - send: sends one message within a time of its own.
  package init(
    _ buffer: SpanBuffer, settings: Settings = Settings(), logger: Logger,
    encode: @escaping @Sendable ([FinishedSpan]) -> [UInt8], send: @escaping @Sendable ([UInt8]) async -> Answer
  ) {
    self.buffer = buffer
    self.settings = settings
    self.logger = logger
    self.encode = encode
    self.send = send
  }

  /// Exports until the task is cancelled.
  package func run() async {
    var trouble = Trouble()
    while !Task.isCancelled {
      await buffer.wait(upTo: settings.interval)
      // What a cancelled task would send is left for the last time.
      if !Task.isCancelled { await exportAll(&trouble) }
    }
    // In a task of its own, which nobody cancels but the time.
    let (last, limit) = (Task { [self, trouble] in await exportRest(trouble) }, settings.lastTime)
    let timer = Task {
      try await Task.sleep(for: limit)
      last.cancel()
    }
    await last.value
    timer.cancel()
  }

  /// What is logged once, and not again before it is over.
  private struct Trouble { var isLogged = false }

  private func exportRest(_ trouble: Trouble) async {
    var trouble = trouble
    await exportAll(&trouble)
  }

  private func exportAll(_ trouble: inout Trouble) async {
    while true {
      let (spans, dropped) = buffer.take()
      if dropped > 0 { note(lost: dropped, "they came faster than they could be sent", &trouble) }
      guard !spans.isEmpty else { return }
      switch await export(spans) {
      case .taken(let rejected, let reason):
        if rejected > 0 {
          note(lost: rejected, "the collector rejects some: \(reason)", &trouble)
        } else if dropped == 0 {
          trouble.isLogged = false
        }
        Counter(label: "telemetry_spans_exported_total").increment(by: spans.count - rejected)
      case .later(let reason, _), .refused(let reason): note(lost: spans.count, reason, &trouble)
      }
      if Task.isCancelled { return }
    }
  }

  private func export(_ spans: [FinishedSpan]) async -> Answer {
    let message = encode(spans)
    var wait = settings.firstWait
    var attempt = 1
    while true {
      let answer = await send(message)
      guard case .later(_, let asked) = answer, attempt < settings.attempts else { return answer }
      do { try await Task.sleep(for: min(max(wait, asked ?? .zero), settings.longestWait)) } catch { return answer }
      wait *= 2
      attempt += 1
    }
  }

  private func note(lost count: Int, _ reason: String, _ trouble: inout Trouble) {
    Counter(label: "telemetry_spans_lost_total").increment(by: count)
    guard !trouble.isLogged else { return }
    trouble.isLogged = true
    logger.warning("spans are lost", metadata: ["count": "\(count)", "reason": "\(reason)"])
  }
}

extension SpanExport.Answer {
  /// Reads `ExportTraceServiceResponse.partial_success`: `rejected_spans` and `error_message`; whatever else there is, is
  /// passed over, and a message that breaks off says nothing more.
  package init(body: [UInt8]) {
    var rejected = 0
    var reason = ""
    var response = ProtobufReader(body[...])
    while let (field, value) = response.next() {
      guard field == 1, case .bytes(let bytes) = value else { continue }
      var partial = ProtobufReader(bytes)
      while let (field, value) = partial.next() {
        switch (field, value) {
        case (1, .varint(let count)): rejected = Int(clamping: Int64(bitPattern: count))
        case (2, .bytes(let text)): reason = String(decoding: text, as: UTF8.self).limited(to: 200).text
        default: break
        }
      }
    }
    self = .taken(rejected: max(0, rejected), reason: reason)
  }
}

/// Reads the fields of a message of Protocol Buffers, one after the other.
struct ProtobufReader {
  /// A field's value, by its wire type.
  enum Value {
    case varint(UInt64)
    case bytes(ArraySlice<UInt8>)
    /// Of four or eight bytes.
    case fixed
  }

  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  /// The next field; `nil` at the end and where the message breaks off.
  mutating func next() -> (field: UInt64, value: Value)? {
    guard let tag = varint() else { return nil }
    switch tag & 7 {
    case 0: return varint().map { (tag >> 3, .varint($0)) }
    case 1: return skip(8).map { _ in (tag >> 3, .fixed) }
    case 2: return varint().flatMap { skip($0) }.map { (tag >> 3, .bytes($0)) }
    case 5: return skip(4).map { _ in (tag >> 3, .fixed) }
    default: return nil
    }
  }

  private mutating func varint() -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard let byte = rest.popFirst() else { return nil }
      value |= UInt64(byte & 0x7F) << shift
      if byte & 0x80 == 0 { return value }
    }
    return nil
  }

  private mutating func skip(_ count: UInt64) -> ArraySlice<UInt8>? {
    guard count <= UInt64(rest.count) else { return nil }
    defer { rest = rest.dropFirst(Int(count)) }
    return rest.prefix(Int(count))
  }
}
