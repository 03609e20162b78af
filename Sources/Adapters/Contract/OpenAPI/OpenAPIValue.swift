/// A JSON value whose members keep their order, for documents that people read too.
indirect enum OpenAPIValue: Sendable, ExpressibleByStringLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  case string(String)
  case bool(Bool)
  case int(Int)
  case array([OpenAPIValue])
  case object([(String, OpenAPIValue)])

  init(stringLiteral value: String) { self = .string(value) }
  init(booleanLiteral value: Bool) { self = .bool(value) }
  init(integerLiteral value: Int) { self = .int(value) }
  init(arrayLiteral elements: OpenAPIValue...) { self = .array(elements) }
  init(dictionaryLiteral elements: (String, OpenAPIValue)...) { self = .object(elements) }

  /// The value as JSON text.
  var json: String {
    switch self {
    case .string(let text): JSONText.quoted(text)
    case .bool(let flag): flag ? "true" : "false"
    case .int(let number): String(number)
    case .array(let values): "[" + values.map(\.json).joined(separator: ",") + "]"
    case .object(let members):
      "{" + members.map { JSONText.quoted($0) + ":" + $1.json }.joined(separator: ",") + "}"
    }
  }

  /// The object with more members; other values stay as they are.
  func adding(_ more: [(String, OpenAPIValue)]) -> OpenAPIValue {
    if case .object(let members) = self { .object(members + more) } else { self }
  }
}
