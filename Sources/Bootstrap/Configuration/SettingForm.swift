/// How a value is written: what is accepted, how it is read and how it is shown.
struct SettingForm<Value> {
  let accepted: String
  let parse: (String) -> Value?
  let show: (Value) -> String
  var isSecret = false
  var isList = false
}

extension SettingForm where Value == Int {
  static func integer(_ range: ClosedRange<Int>) -> Self {
    Self(
      accepted: "a whole number from \(range.lowerBound) to \(range.upperBound)",
      parse: { text in Int(text).flatMap { range.contains($0) ? $0 : nil } },
      show: { String($0) }
    )
  }

  /// Bytes, with a unit or without: `65536`, `64KiB`, `1 MiB`, `10MB`.
  static func bytes(_ range: ClosedRange<Int>) -> Self {
    Self(
      accepted: "a size from \(shownBytes(range.lowerBound)) to \(shownBytes(range.upperBound)), in bytes or with "
        + "a unit: KB, MB, GB, KiB, MiB, GiB",
      parse: { text in
        let units = [
          "": 1, "B": 1, "KB": 1000, "MB": 1_000_000, "GB": 1_000_000_000, "KiB": 1 << 10, "MiB": 1 << 20,
          "GiB": 1 << 30,
        ]
        guard let (number, unit) = splitUnit(text), let factor = units[unit], let count = Int(number) else {
          return nil
        }
        let (product, overflows) = count.multipliedReportingOverflow(by: factor)
        return !overflows && range.contains(product) ? product : nil
      },
      show: shownBytes
    )
  }
}

extension SettingForm where Value == Double {
  static func number(_ range: ClosedRange<Double>) -> Self {
    Self(
      accepted: "a number from \(range.lowerBound) to \(range.upperBound)",
      parse: { text in Double(text).flatMap { range.contains($0) ? $0 : nil } },
      show: { String($0) }
    )
  }
}

extension SettingForm where Value == Duration {
  /// Seconds, or a number with a unit: `10`, `10s`, `500ms`, `5m`, `1h`.
  static func duration(_ range: ClosedRange<Duration>) -> Self {
    Self(
      accepted: "a time from \(shownDuration(range.lowerBound)) to \(shownDuration(range.upperBound)), in seconds or "
        + "with a unit: ms, s, m, h",
      parse: { text in
        let units = ["": 1000, "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000]
        guard let (number, unit) = splitUnit(text), let factor = units[unit], let count = Int64(number) else {
          return nil
        }
        let (product, overflows) = count.multipliedReportingOverflow(by: Int64(factor))
        let duration = Duration.milliseconds(product)
        return !overflows && range.contains(duration) ? duration : nil
      },
      show: shownDuration
    )
  }
}

extension SettingForm where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
  static var choice: Self {
    Self(
      accepted: Value.allCases.map(\.rawValue).joined(separator: ", "),
      parse: { Value(rawValue: $0) },
      show: { $0.rawValue }
    )
  }
}

extension SettingForm where Value == String {
  static func text(_ accepted: String, where isAccepted: @escaping (String) -> Bool = { !$0.isEmpty }) -> Self {
    Self(accepted: accepted, parse: { isAccepted($0) ? $0 : nil }, show: { $0 })
  }

  static func path(_ accepted: String, _ inputs: ConfigurationInputs) -> Self {
    Self(accepted: accepted, parse: { $0.isEmpty ? nil : inputs.absolute($0) }, show: { $0 })
  }
}

extension SettingForm where Value == Secret {
  static func secret(_ accepted: String, where isAccepted: @escaping (String) -> Bool = { !$0.isEmpty }) -> Self {
    Self(
      accepted: accepted,
      parse: { isAccepted($0) ? Secret($0) : nil },
      show: { $0.description },
      isSecret: true
    )
  }
}

extension SettingForm where Value == [String] {
  static func list(_ accepted: String, where isAccepted: @escaping (String) -> Bool) -> Self {
    Self(
      accepted: accepted,
      parse: { text in
        let items = text.split(separator: ",").map { item in
          String(item.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }
        return items.allSatisfy(isAccepted) ? items : nil
      },
      show: { $0.isEmpty ? "-" : $0.joined(separator: ", ") },
      isList: true
    )
  }
}

private func splitUnit(_ text: String) -> (number: Substring, unit: String)? {
  let number = text.prefix { ("0"..."9").contains($0) }
  return number.isEmpty ? nil : (number, String(text.dropFirst(number.count).drop { $0 == " " }))
}

private func shownBytes(_ count: Int) -> String {
  for (unit, factor) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] where count >= factor {
    if count % factor == 0 { return "\(count / factor) \(unit)" }
  }
  return String(count)
}

private func shownDuration(_ duration: Duration) -> String {
  let milliseconds = duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
  for (unit, factor) in [("h", Int64(3_600_000)), ("m", 60_000), ("s", 1000)] where milliseconds >= factor {
    if milliseconds % factor == 0 { return "\(milliseconds / factor)\(unit)" }
  }
  return milliseconds == 0 ? "0s" : "\(milliseconds)ms"
}
