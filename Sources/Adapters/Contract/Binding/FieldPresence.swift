import FoundationEssentials
import SwiftProtobuf

/// Collects the numbers of the fields that a message has, on its top level.
struct FieldPresence: Visitor {
  private(set) var numbers: Set<Int> = []

  /// The fields of a message.
  static func numbers(of message: any Message) -> Set<Int> {
    var presence = FieldPresence()
    // Visiting throws only what the visitor throws, and this one throws nothing.
    try? message.traverse(visitor: &presence)
    return presence.numbers
  }

  mutating func visitSingularDoubleField(value: Double, fieldNumber: Int) { numbers.insert(fieldNumber) }
  mutating func visitSingularInt64Field(value: Int64, fieldNumber: Int) { numbers.insert(fieldNumber) }
  mutating func visitSingularUInt64Field(value: UInt64, fieldNumber: Int) { numbers.insert(fieldNumber) }
  mutating func visitSingularBoolField(value: Bool, fieldNumber: Int) { numbers.insert(fieldNumber) }
  mutating func visitSingularStringField(value: String, fieldNumber: Int) { numbers.insert(fieldNumber) }
  mutating func visitSingularBytesField(value: Data, fieldNumber: Int) { numbers.insert(fieldNumber) }
  mutating func visitSingularEnumField<E: SwiftProtobuf.Enum>(value: E, fieldNumber: Int) {
    numbers.insert(fieldNumber)
  }
  mutating func visitSingularMessageField<M: Message>(value: M, fieldNumber: Int) { numbers.insert(fieldNumber) }
  mutating func visitMapField<KeyType, ValueType: MapValueType>(
    fieldType: _ProtobufMap<KeyType, ValueType>.Type, value: _ProtobufMap<KeyType, ValueType>.BaseType,
    fieldNumber: Int
  ) {
    numbers.insert(fieldNumber)
  }
  mutating func visitMapField<KeyType, ValueType>(
    fieldType: _ProtobufEnumMap<KeyType, ValueType>.Type, value: _ProtobufEnumMap<KeyType, ValueType>.BaseType,
    fieldNumber: Int
  ) where ValueType.RawValue == Int {
    numbers.insert(fieldNumber)
  }
  mutating func visitMapField<KeyType, ValueType>(
    fieldType: _ProtobufMessageMap<KeyType, ValueType>.Type,
    value: _ProtobufMessageMap<KeyType, ValueType>.BaseType, fieldNumber: Int
  ) {
    numbers.insert(fieldNumber)
  }
  mutating func visitUnknown(bytes: Data) {}
}
