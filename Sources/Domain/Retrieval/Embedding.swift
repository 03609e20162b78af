/// A vector of unit length.
package struct Embedding: Hashable, Sendable {
  /// The components.
  package let values: [Float]

  /// Wraps components that are already of unit length.
  package init(_ values: [Float]) { self.values = values }

  /// The cosine with another vector of the same width; 0 where the widths differ.
  package func cosine(_ other: Embedding) -> Float {
    guard values.count == other.values.count else { return 0 }
    var sum: Float = 0
    for index in values.indices { sum += values[index] * other.values[index] }
    return sum
  }
}

/// What chunks remember of the model that embedded them.
package struct EmbeddingModel: Hashable, Sendable {
  /// The model's name, such as `all-MiniLM-L6-v2`.
  package let name: String
  /// The width of its vectors.
  package let dimensions: Int
  /// The longest input in its own tokens, special tokens included; longer texts are cut.
  package let maximumTokens: Int

  /// Makes a description of a model.
  package init(name: String, dimensions: Int, maximumTokens: Int) {
    self.name = name
    self.dimensions = dimensions
    self.maximumTokens = maximumTokens
  }
}
