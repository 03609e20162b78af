import CVectorMath

/// The sizes of a BERT encoder.
struct BertShape: Sendable {
  let layers: Int
  let width: Int
  let heads: Int
  let inner: Int
  let positions: Int
  let epsilon: Float

  /// The floats of one attention head.
  var headSize: Int { width / heads }

  /// all-MiniLM-L6-v2.
  static let miniLM = BertShape(layers: 6, width: 384, heads: 12, inner: 1536, positions: 512, epsilon: 1e-12)
}

/// The weights of a BERT encoder, ready for the kernels.
///
/// Dense layers are packed into memory of their own (for MiniLM-L6 42.5 MB in 32 bits, 21 MB in 16). The table of word embeddings (47 MB)
/// stays in the mapped file, so only the rows that texts use are ever resident.
final class BertWeights: @unchecked Sendable {  // Invariant: nothing is written after init; freed in deinit alone.
  /// Scale and offset of a layer normalisation.
  struct Norm {
    let gamma: UnsafePointer<Float>
    let beta: UnsafePointer<Float>
  }

  /// One transformer block.
  struct Layer {
    /// Query, key and value side by side.
    let attentionInput: DenseLayer
    let attentionOutput: DenseLayer
    let attentionNorm: Norm
    let up: DenseLayer
    let down: DenseLayer
    let outputNorm: Norm
  }

  let shape: BertShape
  /// What the dense layers compute in.
  let arithmetic: DenseArithmetic
  /// The rows of `words`.
  let vocabularySize: Int
  let words: UnsafePointer<Float>
  let positions: UnsafePointer<Float>
  /// The embedding of token type 0, which every token of a single text has.
  let tokenType: UnsafePointer<Float>
  let inputNorm: Norm
  let layers: [Layer]
  private let file: MappedFile
  private let arena: NumberArena

  /// Packs the weights of a checked file.
  ///
  /// - Throws: `SafetensorsFailure` where a tensor is missing or has another type or shape.
  init(
    _ tensors: SafetensorsFile,
    shape: BertShape,
    arithmetic: DenseArithmetic
  ) throws(SafetensorsFailure) {
    let arena = NumberArena()
    let width = shape.width
    func copy(_ name: String, _ shape: [Int]) throws(SafetensorsFailure) -> UnsafePointer<Float> {
      arena.copy(try tensors.floats(name, shape: shape))
    }
    func norm(_ name: String) throws(SafetensorsFailure) -> Norm {
      Norm(gamma: try copy(name + ".weight", [width]), beta: try copy(name + ".bias", [width]))
    }
    // Layers that share an input become one.
    func linear(_ names: [String], _ outputs: Int, _ inputs: Int) throws(SafetensorsFailure) -> DenseLayer {
      var parts: [(weights: UnsafeBufferPointer<Float>, bias: UnsafeBufferPointer<Float>)] = []
      for name in names {
        parts.append(
          (
            try tensors.floats(name + ".weight", shape: [outputs, inputs]),
            try tensors.floats(name + ".bias", shape: [outputs])
          ))
      }
      return DenseLayer(parts, outputs: outputs, inputs: inputs, arithmetic: arithmetic, in: arena)
    }

    let table = "embeddings.word_embeddings.weight"
    vocabularySize = try tensors.rows(of: table)
    // A matrix that passed the check has an address: it is empty only if the vocabulary is.
    guard let words = try tensors.floats(table, shape: [vocabularySize, width]).baseAddress else {
      throw .wrongShape(table, found: [vocabularySize, width], expected: [-1, width])
    }
    self.words = words
    positions = try copy("embeddings.position_embeddings.weight", [shape.positions, width])
    tokenType = try copy("embeddings.token_type_embeddings.weight", [2, width])
    inputNorm = try norm("embeddings.LayerNorm")
    var layers: [Layer] = []
    for index in 0..<shape.layers {
      let prefix = "encoder.layer.\(index)."
      let attention = ["query", "key", "value"].map { prefix + "attention.self." + $0 }
      layers.append(
        Layer(
          attentionInput: try linear(attention, width, width),
          attentionOutput: try linear([prefix + "attention.output.dense"], width, width),
          attentionNorm: try norm(prefix + "attention.output.LayerNorm"),
          up: try linear([prefix + "intermediate.dense"], shape.inner, width),
          down: try linear([prefix + "output.dense"], width, shape.inner),
          outputNorm: try norm(prefix + "output.LayerNorm")
        )
      )
    }
    self.layers = layers
    self.shape = shape
    self.arithmetic = arithmetic
    self.arena = arena
    file = tensors.file
    file.dropPages()
  }
}
