import Contract

/// Reads how long a caller waits.
enum CallTimeout {
  /// Longer times are taken as this one: a year.
  static let maximum: Duration = .seconds(365 * 86_400)

  /// The value of `Connect-Timeout-Ms`: milliseconds in at most 10 digits; `nil` without the field.
  ///
  /// Source: the Connect protocol reference, "Timeout-Milliseconds".
  static func connect(_ field: String?) throws(ContractError) -> Duration? {
    guard let field else { return nil }
    guard let number = number(field.utf8, digits: 10) else {
      throw ContractError(.invalidArgument, "connect-timeout-ms must be a whole number of at most 10 digits")
    }
    return min(.milliseconds(number), maximum)
  }

  /// The value of `grpc-timeout`: at most 8 digits and a unit, such as `250m`; `nil` without the field.
  ///
  /// Source: gRPC's PROTOCOL-HTTP2.md, "Timeout".
  static func grpc(_ field: String?) throws(ContractError) -> Duration? {
    guard let field else { return nil }
    guard let number = number(field.utf8.dropLast(), digits: 8), let unit = field.utf8.last.flatMap(seconds) else {
      throw ContractError(
        .invalidArgument, "grpc-timeout must be at most 8 digits and one of the units H, M, S, m, u, n")
    }
    return min(unit * number, maximum)
  }

  private static func number(_ text: some Collection<UInt8>, digits: Int) -> Int64? {
    guard (1...digits).contains(text.count) else { return nil }
    var number: Int64 = 0
    for byte in text {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
      number = number * 10 + Int64(byte - UInt8(ascii: "0"))
    }
    return number
  }

  private static func seconds(_ unit: UInt8) -> Duration? {
    switch unit {
    case UInt8(ascii: "H"): .seconds(3_600)
    case UInt8(ascii: "M"): .seconds(60)
    case UInt8(ascii: "S"): .seconds(1)
    case UInt8(ascii: "m"): .milliseconds(1)
    case UInt8(ascii: "u"): .microseconds(1)
    case UInt8(ascii: "n"): .nanoseconds(1)
    default: nil
    }
  }
}
