import Domain
import SwiftProtobuf

extension Google_Protobuf_Struct {
  /// A submitter's properties.
  init(_ metadata: Metadata) {
    self.init()
    fields = metadata.mapValues(Google_Protobuf_Value.init)
  }

  /// The properties as the domain has them.
  var metadata: Metadata { fields.mapValues(MetadataValue.init) }
}

extension Google_Protobuf_Value {
  /// A JSON value.
  init(_ value: MetadataValue) {
    self.init()
    switch value {
    case .null: nullValue = .nullValue
    case .bool(let flag): boolValue = flag
    case .number(let number): numberValue = number
    case .string(let text): stringValue = text
    case .list(let values): listValue.values = values.map(Google_Protobuf_Value.init)
    case .object(let values): structValue = Google_Protobuf_Struct(values)
    }
  }
}

extension MetadataValue {
  /// A JSON value; one without any kind, which only binary encodings can hold, is null.
  init(_ value: Google_Protobuf_Value) {
    switch value.kind {
    case .nullValue, nil: self = .null
    case .boolValue(let flag): self = .bool(flag)
    case .numberValue(let number): self = .number(number)
    case .stringValue(let text): self = .string(text)
    case .listValue(let list): self = .list(list.values.map(MetadataValue.init))
    case .structValue(let object): self = .object(object.metadata)
    }
  }
}
