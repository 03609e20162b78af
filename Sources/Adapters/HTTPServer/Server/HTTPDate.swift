import FoundationEssentials
import Synchronization

/// The time in the form of HTTP header fields: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
enum HTTPDate {
  private static let cache = Mutex<(second: Int, text: String)>((0, ""))

  /// Now; the text is made once a second.
  static func now() -> String {
    let second = Int(Date().timeIntervalSince1970)
    return cache.withLock { cached in
      if cached.second != second { cached = (second, text(second)) }
      return cached.text
    }
  }

  /// A time in seconds since 1970.
  ///
  /// The civil date is Howard Hinnant's "days → civil" (chrono-Compatible Low-Level Date Algorithms).
  static func text(_ second: Int) -> String {
    let days = second.quotient(86_400)
    let time = second - days * 86_400
    let shifted = days + 719_468
    let era = shifted.quotient(146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][days - days.quotient(7) * 7]
    let name = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][month - 1]
    let clock = [time / 3_600, time / 60 % 60, time % 60].map(twoDigits).joined(separator: ":")
    return "\(weekday), \(twoDigits(day)) \(name) \(year) \(clock) GMT"
  }

  private static func twoDigits(_ number: Int) -> String { (number < 10 ? "0" : "") + String(number) }
}

extension Int {
  /// Division that rounds down.
  fileprivate func quotient(_ divisor: Int) -> Int { self >= 0 ? self / divisor : (self - divisor + 1) / divisor }
}
