import SwiftProtobuf

/// Fields of a request that REST carries in the path and the query, by their JSON names.
///
/// A query parameter is written as the field's JSON value without quotes: `pageSize=20`, `status=SUBMISSION_STATUS_PENDING`
/// (or, shorter, `status=pending`), `asOf=2026-01-31T12:00:00Z`; a list by repeating the name.
package struct MessageParameters: Sendable {
  /// The fields given.
  let fields: [ContractSchema.Field]
  /// They as a JSON object.
  let json: String

  /// Reads parameters as fields of a message.
  ///
  /// - Parameters:
  ///   - message: the full name of the message.
  ///   - path: names and values of the path's parameters, decoded.
  ///   - query: names and values of the query, decoded, in order.
  /// - Throws: `invalid_argument` for a name that is no field, or is given twice, or a value that is not of its type.
  package init(
    of message: String, path: [(name: String, value: String)], query: [(name: String, value: String)]
  ) throws(ContractError) {
    let known = ContractSchema.current.messages[message]?.fields ?? []
    var fields: [ContractSchema.Field] = []
    var values: [[String]] = []
    for (index, parameter) in (path + query).enumerated() {
      guard let field = known.first(where: { $0.jsonName == parameter.name }) else {
        let name = JSONText.quoted(String(parameter.name.prefix(100)))
        throw ContractError(.invalidArgument, "there is no query parameter \(name)")
      }
      let value = try Self.json(parameter.value, as: field)
      if let seen = fields.firstIndex(where: { $0.number == field.number }) {
        guard field.isRepeated, index >= path.count else {
          throw ContractError(.invalidArgument, "\(field.jsonName) is given twice")
        }
        values[seen].append(value)
      } else {
        fields.append(field)
        values.append([value])
      }
    }
    self.fields = fields
    let members = zip(fields, values).map { field, values in
      "\"\(field.jsonName)\":" + (field.isRepeated ? "[\(values.joined(separator: ","))]" : values[0])
    }
    json = "{\(members.joined(separator: ","))}"
  }

  private static func json(_ value: String, as field: ContractSchema.Field) throws(ContractError) -> String {
    switch field.type {
    case .bool:
      guard value == "true" || value == "false" else {
        throw ContractError(.invalidArgument, "\(field.jsonName) must be true or false")
      }
      return value
    case .uint32, .uint64, .fixed32, .fixed64:
      guard UInt64(value) != nil else {
        throw ContractError(.invalidArgument, "\(field.jsonName) must be a whole number from 0")
      }
    case .int32, .int64, .sint32, .sint64, .sfixed32, .sfixed64:
      guard Int64(value) != nil else {
        throw ContractError(.invalidArgument, "\(field.jsonName) must be a whole number")
      }
    case .enum:
      return JSONText.quoted(try enumName(value, of: field))
    case .message where field.typeName != "google.protobuf.Timestamp", .group:
      throw ContractError(.invalidArgument, "\(field.jsonName) cannot be given in the query")
    default: break
    }
    return JSONText.quoted(value)
  }

  private static func enumName(_ value: String, of field: ContractSchema.Field) throws(ContractError) -> String {
    let names = ContractSchema.current.enums[field.typeName]?.values.map(\.name) ?? []
    if names.contains(value) { return value }
    // The first value is PREFIX_UNSPECIFIED (buf's ENUM_ZERO_VALUE_SUFFIX).
    let prefix = names.first.map { $0.dropLast("UNSPECIFIED".count) } ?? ""
    let long = prefix + value.uppercased()
    guard names.dropFirst().contains(String(long)), value == value.lowercased() else {
      let all = names.dropFirst().joined(separator: ", ")
      throw ContractError(.invalidArgument, "\(field.jsonName) must be one of \(all)")
    }
    return String(long)
  }
}
