import SwiftProtobuf

/// Writes the messages and enums of the contract as JSON Schemas, in the protobuf JSON mapping.
///
/// Source: protobuf.dev, "ProtoJSON Format".
struct OpenAPISchemas {
  let contract: ContractSchema
  /// The schemas written so far, by name; what they refer to is written too.
  private(set) var written: [String: OpenAPIValue] = [:]

  init(_ contract: ContractSchema) { self.contract = contract }

  /// The name of a type among the schemas: the last part of its full name.
  static func name(_ fullName: String) -> String { String(fullName.split(separator: ".").last ?? "") }

  /// A reference to a message or an enum.
  ///
  /// - Parameter isRequest: whether clients send it: then fields that it does not have are an error. What the server
  ///   sends may have more fields one day.
  mutating func reference(_ fullName: String, isRequest: Bool = false) -> OpenAPIValue {
    let name = Self.name(fullName)
    if written[name] == nil {
      written[name] = [:]  // Held while it is written, so that types may refer to themselves.
      if let message = contract.messages[fullName] {
        written[name] = object(message, leavingOut: [], isRequest: isRequest)
      } else if let type = contract.enums[fullName] {
        written[name] = enumeration(type)
      }
    }
    return ["$ref": .string("#/components/schemas/\(name)")]
  }

  /// A message as an object.
  mutating func object(
    _ message: ContractSchema.MessageType, leavingOut: Set<String>, isRequest: Bool
  ) -> OpenAPIValue {
    var properties: [(String, OpenAPIValue)] = []
    for field in message.fields where !leavingOut.contains(field.jsonName) {
      properties.append((field.jsonName, schema(of: field, isRequest: isRequest)))
    }
    return .object(
      [("type", "object")] + Self.description(message.comment)
        + [("properties", .object(properties))] + (isRequest ? [("additionalProperties", false)] : []))
  }

  /// A field, with its comment.
  mutating func schema(of field: ContractSchema.Field, isRequest: Bool) -> OpenAPIValue {
    var comment = field.comment
    if let oneof = field.oneof { comment += "\n\nAt most one of the fields of `\(oneof)` is set." }
    let value = value(of: field, isRequest: isRequest)
    return (field.isRepeated ? ["type": "array", "items": value] : value).adding(Self.description(comment))
  }

  private mutating func value(of field: ContractSchema.Field, isRequest: Bool) -> OpenAPIValue {
    switch field.type {
    case .string: ["type": "string"]
    case .bool: ["type": "boolean"]
    case .uint32, .fixed32: ["type": "integer", "minimum": 0, "maximum": 4_294_967_295]
    case .int32, .sint32, .sfixed32: ["type": "integer", "format": "int32"]
    case .uint64, .int64, .fixed64, .sfixed64, .sint64: ["type": "string", "pattern": "^-?[0-9]+$"]
    case .double, .float: ["type": "number"]
    case .bytes: ["type": "string", "contentEncoding": "base64"]
    case .enum: reference(field.typeName)
    case .message, .group:
      switch field.typeName {
      case "google.protobuf.Timestamp": ["type": "string", "format": "date-time"]
      case "google.protobuf.Struct": ["type": "object", "additionalProperties": true]
      default: reference(field.typeName, isRequest: isRequest)
      }
    }
  }

  private func enumeration(_ type: ContractSchema.EnumType) -> OpenAPIValue {
    let lines = type.values.map { "- `\($0.name)`: \($0.comment)" }.joined(separator: "\n")
    return .object(
      [("type", "string"), ("enum", .array(type.values.map { .string($0.name) }))]
        + Self.description(type.comment + "\n\n" + lines))
  }

  static func description(_ comment: String) -> [(String, OpenAPIValue)] {
    comment.isEmpty ? [] : [("description", .string(comment))]
  }
}
