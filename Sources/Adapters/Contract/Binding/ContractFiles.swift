import FoundationEssentials
package import SwiftProtobuf

/// The contract's files as protoc has read them, with comments; imports come before what imports them.
package enum ContractFiles {
  /// All files, private ones among them.
  package static let all: [Google_Protobuf_FileDescriptorProto] = {
    // The generator wrote both layers, and `ContractSchemaTests` reads them: they cannot fail at run time.
    guard let data = Data(base64Encoded: ContractDescriptors.base64),
      let files = try? Google_Protobuf_FileDescriptorSet(serializedBytes: data)
    else { preconditionFailure("ContractDescriptors.swift does not hold a descriptor set") }
    return files.file
  }()
}
