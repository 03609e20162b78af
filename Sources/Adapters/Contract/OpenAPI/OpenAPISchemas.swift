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
  mutating func reference(_ fullName: String) -> OpenAPIValue {
    let name = Self.name(fullName)
    if written[name] == nil {
      written[name] = [:]  // Held while it is written, so that types may refer to themselves.
      if let message = contract.messages[fullName] {
        written[name] = object(message, leavingOut: [])
      } else if let type = contract.enums[fullName] {
        written[name] = enumeration(type)
      }
    }
    return ["$ref": .string("#/components/schemas/\(name)")]
  }

  /// A message as an object; unknown fields are an error, so there are no others.
  mutating func object(_ message: ContractSchema.MessageType, leavingOut: Set<String>) -> OpenAPIValue {
    var properties: [(String, OpenAPIValue)] = []
    for field in message.fields where !leavingOut.contains(field.jsonName) {
      properties.append((field.jsonName, schema(of: field)))
    }
    return .object(
      [("type", "object")] + Self.description(message.comment)
        + [("properties", .object(properties)), ("additionalProperties", false)])
  }

  /// A field, with its comment.
  mutating func schema(of field: ContractSchema.Field) -> OpenAPIValue {
    var comment = field.comment
    if let oneof = field.oneof { comment += "\n\nAt most one of the fields of `\(oneof)` is set." }
    let value = value(of: field)
    return (field.isRepeated ? ["type": "array", "items": value] : value).adding(Self.description(comment))
  }

  private mutating func value(of field: ContractSchema.Field) -> OpenAPIValue {
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
      default: reference(field.typeName)
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
