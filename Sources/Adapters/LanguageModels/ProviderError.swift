import FoundationEssentials

/// A provider's error: an object in most, a bare string in some.
struct ProviderError: Decodable {
  /// A short code such as `context_length_exceeded`, the only part that is ever shown; `nil` where there is none that
  /// is plainly a code. The message is not read: it may quote the prompt or the key.
  let code: String?
  /// When the provider may be asked again (Google's `RetryInfo`); `nil` where it does not say.
  let retryAfter: Duration?

  private enum Keys: String, CodingKey { case code, type, status, details }

  private struct Detail: Decodable {
    let retryDelay: String?
  }

  init(from decoder: any Decoder) throws {
    guard let fields = try? decoder.container(keyedBy: Keys.self) else {
      // A bare string: an error, without a code.
      code = nil
      retryAfter = nil
      return
    }
    // A number as the code (llama.cpp) does not decode as a string, and then the type is looked at.
    // Google's code is a number too; its name is the status, in capitals (`RESOURCE_EXHAUSTED`).
    let candidates = [
      try? fields.decode(String.self, forKey: .code), try? fields.decode(String.self, forKey: .type),
      (try? fields.decode(String.self, forKey: .status))?.lowercased(),
    ]
    code = candidates.compactMap { $0 }.first(where: Self.isCode)
    // Details of another form say nothing that is needed.
    let details = (try? fields.decode([Detail].self, forKey: .details)) ?? []
    retryAfter = details.compactMap(\.retryDelay).compactMap(RetryAfter.googleDuration).first
  }

  private static func isCode(_ text: String) -> Bool {
    (1...48).contains(text.utf8.count)
      && text.utf8.allSatisfy { (97...122).contains($0) || $0 == UInt8(ascii: "_") }
  }
}

/// The body of an answer that is no stream.
struct ProviderErrorBody: Decodable {
  let error: ProviderError?
}

/// When a provider may be asked again.
enum RetryAfter {
  /// Longer waits than a day are taken as a day.
  private static let maximum = Duration.seconds(86_400)

  /// The header `Retry-After` (RFC 9110, §10.2.3): seconds or a date; `nil` when it is neither.
  static func header(_ text: String?, now: Date) -> Duration? {
    guard let text else { return nil }
    if let seconds = Int(text) { return seconds < 0 ? nil : min(.seconds(seconds), maximum) }
    guard let date = date(text) else { return nil }
    return .seconds(min(max(0, date.timeIntervalSince(now)), 86_400))
  }

  /// An IMF-fixdate (RFC 9110, §5.6.7), such as `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that is still sent.
  private static func date(_ text: String) -> Date? {
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let words = text.split(separator: " ")
    guard words.count == 6, words[5] == "GMT", let day = Int(words[1]), let year = Int(words[3]),
      let month = months.firstIndex(of: String(words[2]))
    else { return nil }
    let time = words[4].split(separator: ":").compactMap { Int($0) }
    guard time.count == 3 else { return nil }
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = .gmt
    return calendar.date(
      from: DateComponents(
        year: year, month: month + 1, day: day, hour: time[0], minute: time[1], second: time[2]))
  }

  /// `34s` or `34.07s` (protobuf's JSON mapping of `google.protobuf.Duration`).
  static func googleDuration(_ text: String) -> Duration? {
    guard text.hasSuffix("s"), let seconds = Double(text.dropLast()), seconds >= 0, seconds.isFinite else { return nil }
    return .seconds(min(seconds, 86_400))
  }
}
