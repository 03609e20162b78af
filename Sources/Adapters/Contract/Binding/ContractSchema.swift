import SwiftProtobuf

/// The contract as its `.proto` files say it: fields, types and comments, for what has to be decided by name.
package struct ContractSchema: Sendable {
  /// A field of a message.
  struct Field: Sendable {
    let name: String
    let jsonName: String
    let number: Int
    let type: Google_Protobuf_FieldDescriptorProto.TypeEnum
    /// The full name of the enum or message that the field holds, without a leading dot.
    let typeName: String
    let isRepeated: Bool
    /// The name of the `oneof` that it is part of; `nil` for the ones that `optional` makes.
    let oneof: String?
    let comment: String
  }

  /// A message.
  struct MessageType: Sendable {
    let fullName: String
    let fields: [Field]
    let comment: String
  }

  /// An enum.
  struct EnumType: Sendable {
    let fullName: String
    let values: [(name: String, comment: String)]
    let comment: String
  }

  /// The contract of this build.
  package static let current = ContractSchema()

  private(set) var messages: [String: MessageType] = [:]
  private(set) var enums: [String: EnumType] = [:]
  /// The comments of services (`opentier.v1.ChatService`) and methods (`opentier.v1.ChatService/StreamChat`).
  private(set) var comments: [String: String] = [:]
  /// The full names of all public methods.
  package private(set) var methods: [String] = []
  /// Those of them that change nothing (`idempotency_level = NO_SIDE_EFFECTS`).
  package private(set) var methodsWithoutSideEffects: Set<String> = []

  /// The package of the public services.
  private static let publicPackage = "opentier.v1"

  private init() {
    for file in ContractFiles.all { read(file) }
  }

  private mutating func read(_ file: Google_Protobuf_FileDescriptorProto) {
    var commentByPath: [[Int32]: String] = [:]
    for location in file.sourceCodeInfo.location where location.hasLeadingComments {
      commentByPath[location.path] = Self.paragraphs(location.leadingComments)
    }
    // The numbers of the path are those of descriptor.proto: message_type 4, enum_type 5, service 6; within a message
    // field 2, within an enum value 2, within a service method 2.
    for (index, message) in file.messageType.enumerated() {
      let path: [Int32] = [4, Int32(index)]
      let fullName = "\(file.package).\(message.name)"
      messages[fullName] = MessageType(
        fullName: fullName,
        fields: message.field.enumerated().map { position, field in
          Field(
            name: field.name, jsonName: field.jsonName, number: Int(field.number), type: field.type,
            typeName: String(field.typeName.drop(while: { $0 == "." })), isRepeated: field.label == .repeated,
            oneof: field.hasOneofIndex && !field.proto3Optional
              ? message.oneofDecl[Int(field.oneofIndex)].name : nil,
            comment: commentByPath[path + [2, Int32(position)]] ?? "")
        },
        comment: commentByPath[path] ?? "")
    }
    for (index, type) in file.enumType.enumerated() {
      let path: [Int32] = [5, Int32(index)]
      let fullName = "\(file.package).\(type.name)"
      enums[fullName] = EnumType(
        fullName: fullName,
        values: type.value.enumerated().map { ($1.name, commentByPath[path + [2, Int32($0)]] ?? "") },
        comment: commentByPath[path] ?? "")
    }
    for (index, service) in file.service.enumerated() {
      let path: [Int32] = [6, Int32(index)]
      let fullName = "\(file.package).\(service.name)"
      comments[fullName] = commentByPath[path]
      for (position, method) in service.method.enumerated() {
        if file.package == Self.publicPackage {
          methods.append("\(fullName)/\(method.name)")
          if method.options.idempotencyLevel == .noSideEffects {
            methodsWithoutSideEffects.insert("\(fullName)/\(method.name)")
          }
        }
        comments["\(fullName)/\(method.name)"] = commentByPath[path + [2, Int32(position)]]
      }
    }
  }

  /// A comment without the blank behind `//` and without the line breaks within a paragraph.
  private static func paragraphs(_ comment: String) -> String {
    var paragraphs: [[Substring]] = [[]]
    for line in comment.split(separator: "\n", omittingEmptySubsequences: false) {
      let text = line.drop(while: { $0 == " " })
      if text.isEmpty { paragraphs.append([]) } else { paragraphs[paragraphs.count - 1].append(text) }
    }
    return paragraphs.filter { !$0.isEmpty }.map { $0.joined(separator: " ") }.joined(separator: "\n\n")
  }
}
