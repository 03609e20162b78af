package import Domain

/// Metadata as a column of either database holds it.
package struct MetadataJSON: Codable {
  /// The value.
  package let value: MetadataValue

  /// Wraps a value.
  package init(_ value: MetadataValue) { self.value = value }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      value = .null
    } else if let bool = try? container.decode(Bool.self) {  // Each `try?` asks for the type of the value.
      value = .bool(bool)
    } else if let number = try? container.decode(Double.self) {
      value = .number(number)
    } else if let text = try? container.decode(String.self) {
      value = .string(text)
    } else if let list = try? container.decode([MetadataJSON].self) {
      value = .list(list.map(\.value))
    } else {
      value = .object(try container.decode([String: MetadataJSON].self).mapValues(\.value))
    }
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch value {
    case .null: try container.encodeNil()
    case .bool(let bool): try container.encode(bool)
    case .number(let number): try container.encode(number)
    case .string(let text): try container.encode(text)
    case .list(let values): try container.encode(values.map(MetadataJSON.init))
    case .object(let values): try container.encode(values.mapValues(MetadataJSON.init))
    }
  }
}
