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
/// Dense layers are packed into memory of their own (42.5 MB for MiniLM-L6). The table of word embeddings (47 MB)
/// stays in the mapped file, so only the rows that texts use are ever resident.
final class BertWeights: @unchecked Sendable {  // Invariant: nothing is written after init; freed in deinit alone.
  /// Scale and offset of a layer normalisation.
  struct Norm {
    let gamma: UnsafePointer<Float>
    let beta: UnsafePointer<Float>
  }

  /// A linear layer packed for `vm_linear_f32`.
  struct Linear {
    let packed: UnsafePointer<Float>
    let bias: UnsafePointer<Float>
    let outputs: Int
    let inputs: Int
  }

  /// One transformer block.
  struct Layer {
    /// Query, key and value side by side.
    let attentionInput: Linear
    let attentionOutput: Linear
    let attentionNorm: Norm
    let up: Linear
    let down: Linear
    let outputNorm: Norm
  }

  let shape: BertShape
  /// The rows of `words`.
  let vocabularySize: Int
  let words: UnsafePointer<Float>
  let positions: UnsafePointer<Float>
  /// The embedding of token type 0, which every token of a single text has.
  let tokenType: UnsafePointer<Float>
  let inputNorm: Norm
  let layers: [Layer]
  private let file: MappedFile
  private let arena: FloatArena

  /// Packs the weights of a checked file.
  ///
  /// - Throws: `SafetensorsFailure` where a tensor is missing or has another type or shape.
  init(_ tensors: SafetensorsFile, shape: BertShape) throws(SafetensorsFailure) {
    let arena = FloatArena()
    let width = shape.width
    func copy(_ name: String, _ shape: [Int]) throws(SafetensorsFailure) -> UnsafePointer<Float> {
      arena.copy(try tensors.floats(name, shape: shape))
    }
    func norm(_ name: String) throws(SafetensorsFailure) -> Norm {
      Norm(gamma: try copy(name + ".weight", [width]), beta: try copy(name + ".bias", [width]))
    }
    // Layers that share an input become one: their panels follow each other, as `outputs` is a multiple of a panel.
    func linear(_ names: [String], _ outputs: Int, _ inputs: Int) throws(SafetensorsFailure) -> Linear {
      let size = vm_packed_count(outputs, inputs)
      let packed = arena.allocate(size * names.count)
      let bias = arena.allocate(outputs * names.count)
      for (index, name) in names.enumerated() {
        let weights = try tensors.floats(name + ".weight", shape: [outputs, inputs])
        vm_pack_weights_f32(weights.baseAddress, outputs, inputs, packed + index * size)
        let part = try tensors.floats(name + ".bias", shape: [outputs])
        _ = UnsafeMutableBufferPointer(start: bias + index * outputs, count: outputs).update(fromContentsOf: part)
      }
      return Linear(packed: packed, bias: bias, outputs: outputs * names.count, inputs: inputs)
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
    self.arena = arena
    file = tensors.file
    file.dropPages()
  }
}

/// Memory for many arrays of floats that are freed together.
final class FloatArena {
  private var blocks: [UnsafeMutablePointer<Float>] = []

  /// `count` floats on a cache line's boundary, not initialised.
  func allocate(_ count: Int) -> UnsafeMutablePointer<Float> {
    let size = max(1, count) * MemoryLayout<Float>.stride
    let raw = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
    let block = raw.bindMemory(to: Float.self, capacity: max(1, count))
    blocks.append(block)
    return block
  }

  /// A copy of `floats`.
  func copy(_ floats: UnsafeBufferPointer<Float>) -> UnsafePointer<Float> {
    let block = allocate(floats.count)
    _ = UnsafeMutableBufferPointer(start: block, count: floats.count).initialize(fromContentsOf: floats)
    return UnsafePointer(block)
  }

  deinit {
    for block in blocks { UnsafeMutableRawPointer(block).deallocate() }
  }
}
