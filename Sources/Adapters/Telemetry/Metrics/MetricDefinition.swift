/// What is known of a metric beforehand: its words for people and, for a histogram, its buckets.
package struct MetricDefinition: Sendable {
  /// The name as it is exposed.
  package let name: String
  /// The `HELP` line.
  package let help: String
  /// The upper bounds, ascending and without infinity; `nil` takes the default ones.
  package let buckets: [Double]?

  /// Defines a metric.
  package init(name: String, help: String, buckets: [Double]? = nil) {
    precondition(
      buckets.map { zip($0, $0.dropFirst()).allSatisfy { $0 < $1 } && $0.allSatisfy(\.isFinite) } ?? true,
      "the buckets of \(name) ascend and are finite"
    )
    self.name = name
    self.help = help
    self.buckets = buckets
  }
}

/// A set of label names and values in the order of the names.
struct Labels: Hashable, Sendable, Comparable {
  /// What stands for all label sets beyond a metric's limit.
  static let overflow = Labels([("overflow", "true")], reserved: nil)

  let pairs: [Pair]

  struct Pair: Hashable, Sendable {
    let name: String
    let value: String
  }

  /// Takes dimensions; names are made valid, and of two that are the same the later wins.
  ///
  /// - Parameter reserved: a name that the format itself uses, such as a histogram's `le`; it becomes `exported_le`.
  init(_ dimensions: [(String, String)], reserved: String?) {
    var values: [String: String] = [:]
    for (name, value) in dimensions {
      let valid = Self.validName(name, allowsColon: false)
      values[valid == reserved ? "exported_" + valid : valid] = value
    }
    pairs = values.sorted { $0.key < $1.key }.map { Pair(name: $0.key, value: $0.value) }
  }

  /// `{a="b",c="d"}`, with a further label last, or nothing when there is none.
  func text(adding last: (name: String, value: String)? = nil) -> String {
    var members = pairs.map { $0.name + "=\"" + Self.escaped($0.value) + "\"" }
    if let last { members.append(last.name + "=\"" + last.value + "\"") }
    return members.isEmpty ? "" : "{" + members.joined(separator: ",") + "}"
  }

  static func < (left: Labels, right: Labels) -> Bool {
    left.pairs.lexicographicallyPrecedes(right.pairs) { ($0.name, $0.value) < ($1.name, $1.value) }
  }

  /// A name of the data model (https://prometheus.io/docs/concepts/data_model/): characters that it does not allow
  /// become underscores.
  static func validName(_ name: String, allowsColon: Bool) -> String {
    var result = ""
    for scalar in name.unicodeScalars {
      let isDigit = ("0"..."9").contains(scalar)
      if isDigit && result.isEmpty { result = "_" }
      let isValid =
        isDigit || ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || scalar == "_"
        || allowsColon && scalar == ":"
      result.unicodeScalars.append(isValid ? scalar : "_")
    }
    return result.isEmpty ? "_" : result
  }

  /// Backslash, line feed and quotation mark, as the text format escapes them in label values.
  private static func escaped(_ value: String) -> String {
    var result = ""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\"": result += "\\\""
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
