import FoundationEssentials

extension ServerConfiguration {
  /// The effective values for people: three columns, key, value and source.
  package func table() -> String {
    let rows = [("KEY", "VALUE", "SOURCE")] + effectiveValues.map { ($0.key, $0.shown, $0.source.description) }
    let keyWidth = rows.map(\.0.count).max() ?? 0
    let valueWidth = rows.map(\.1.count).max() ?? 0
    func padded(_ text: String, _ width: Int) -> String {
      text + String(repeating: " ", count: max(0, width - text.count))
    }
    return rows.map { padded($0.0, keyWidth) + "  " + padded($0.1, valueWidth) + "  " + $0.2 + "\n" }.joined()
  }

  /// The effective values for programs: a JSON array of `{"key","value","source":{"kind",…}}`, where `kind` is `flag`
  /// or `environment` with `name`, `file` with `path` and `key`, or `default`. Values are text as in ``table()``.
  package func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(effectiveValues.map(Row.init)), as: UTF8.self) + "\n"
  }

  private struct Row: Encodable {
    let key: String
    let value: String
    let source: [String: String]

    init(_ value: EffectiveValue) {
      key = value.key
      self.value = value.shown
      source =
        switch value.source {
        case .flag(let name): ["kind": "flag", "name": name]
        case .environment(let name): ["kind": "environment", "name": name]
        case .file(let path, let key): ["kind": "file", "path": path, "key": key]
        case .default: ["kind": "default"]
        }
    }
  }
}
