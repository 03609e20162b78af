/// SQL text with its parameters. Interpolated values become `$1`, `$2`, …; nothing of a value is ever read as SQL.
///
/// ```swift
/// let live: SQL = "deleted_at IS NULL"
/// let sql: SQL = "SELECT * FROM users WHERE id = \(id) AND \(live) ORDER BY \(raw: column)"
/// ```
///
/// A string literal in an interpolation, `\("text")`, is a value as any other string is; text that is to be read as SQL
/// is an `SQL` or goes through `raw:`.
package struct SQL: ExpressibleByStringInterpolation, Sendable {
  /// The text around the parameters: always one piece more than there are parameters.
  private var pieces: [String]
  /// The values of `$1`, `$2`, ….
  package private(set) var parameters: [PostgresValue]

  /// Takes the text of a literal.
  package init(stringLiteral text: String) { self.init(raw: text) }

  /// Takes text that is no value and never comes from a user.
  package init(raw text: String) {
    pieces = [text]
    parameters = []
  }

  /// Takes a literal with its interpolations.
  package init(stringInterpolation: StringInterpolation) { self = stringInterpolation.sql }

  /// The text with `$n` for the parameters.
  package var text: String {
    guard pieces.count > 1 else { return pieces[0] }
    var text = ""
    text.reserveCapacity(pieces.reduce(0) { $0 + $1.utf8.count + 3 })
    for (index, piece) in pieces.enumerated() {
      if index > 0 { text += "$\(index)" }
      text += piece
    }
    return text
  }

  /// One after the other; the parameters of the second are renumbered.
  package static func + (left: SQL, right: SQL) -> SQL {
    var sum = left
    sum += right
    return sum
  }

  /// Appends; the parameters of what is appended are renumbered.
  package static func += (left: inout SQL, right: SQL) {
    left.pieces[left.pieces.count - 1] += right.pieces[0]
    left.pieces += right.pieces.dropFirst()
    left.parameters += right.parameters
  }

  /// Collects a literal's pieces.
  package struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var sql = SQL(raw: "")

    /// Makes an empty one with room for the pieces.
    package init(literalCapacity: Int, interpolationCount: Int) {
      sql.pieces.reserveCapacity(interpolationCount + 1)
      sql.parameters.reserveCapacity(interpolationCount)
    }

    /// Appends text of the literal.
    package mutating func appendLiteral(_ text: String) { sql.pieces[sql.pieces.count - 1] += text }

    /// Appends a value as a parameter.
    package mutating func appendInterpolation(_ value: some PostgresEncodable) { append(value.postgres) }

    /// Appends a value, or `NULL` for `nil`, as a parameter.
    package mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value?) { append(value.postgres) }

    /// Appends a value that is already encoded.
    package mutating func appendInterpolation(_ value: PostgresValue) { append(value) }

    /// Appends the case of an enumeration by its raw value; the server infers the type.
    package mutating func appendInterpolation(enumeration value: some RawRepresentable<String>) {
      append(PostgresValue(type: PostgresType.inferred, bytes: Array(value.rawValue.utf8)))
    }

    /// Appends the case of an enumeration, or `NULL`.
    package mutating func appendInterpolation<Value: RawRepresentable<String>>(enumeration value: Value?) {
      append(PostgresValue(type: PostgresType.inferred, bytes: value.map { Array($0.rawValue.utf8) }))
    }

    /// Appends SQL with its parameters renumbered.
    package mutating func appendInterpolation(_ fragment: SQL) { sql += fragment }

    /// Appends text that is no value and never comes from a user.
    package mutating func appendInterpolation(raw text: String) { appendLiteral(text) }

    private mutating func append(_ value: PostgresValue) {
      sql.parameters.append(value)
      sql.pieces.append("")
    }
  }
}

extension Sequence<SQL> {
  /// All of them in their order, with `separator` between each two; empty SQL when there are none.
  package func joined(separator: SQL) -> SQL {
    var iterator = makeIterator()
    guard var sum = iterator.next() else { return "" }
    while let next = iterator.next() {
      sum += separator
      sum += next
    }
    return sum
  }
}
