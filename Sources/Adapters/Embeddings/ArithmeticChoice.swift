/// The encoder of a model in the arithmetic that was asked for, if this processor has it and it computes rightly.
struct ArithmeticChoice {
  let encoder: BertEncoder
  /// Why the arithmetic is not the one that was asked for, or not the fastest; `nil` when it is.
  let fault: String?

  /// The least cosine with the vectors of 32-bit floating point that a faster arithmetic may have.
  static let leastCosine: Float = 0.9999

  /// Packs the weights and holds a faster arithmetic against 32-bit floating point, whose weights are freed again then.
  ///
  /// - Throws: `SafetensorsFailure` where a tensor is missing or has another type or shape.
  init(
    _ wanted: MiniLMEmbedder.Arithmetic,
    weights: SafetensorsFile,
    shape: BertShape,
    leastCosine: Float = Self.leastCosine
  ) throws(SafetensorsFailure) {
    let exact = BertEncoder(weights: try BertWeights(weights, shape: shape, arithmetic: .float32))
    let fast = DenseArithmetic.int16
    guard wanted != .float32, fast.isSupported else {
      encoder = exact
      fault = wanted == .int16 ? "this processor has no AVX-512 VNNI, which \(fast.rawValue) needs" : nil
      return
    }
    let candidate = BertEncoder(weights: try BertWeights(weights, shape: shape, arithmetic: fast))
    let cosine = Self.cosine(of: candidate, with: exact)
    if cosine >= leastCosine {
      encoder = candidate
      fault = nil
    } else {
      encoder = exact
      fault = "the cosine of \(fast.rawValue) with f32 is \(cosine), below \(leastCosine)"
    }
  }

  /// The least cosine over a short, a middling and a long sequence; not a number where a vector is not finite.
  static func cosine(of candidate: BertEncoder, with exact: BertEncoder) -> Float {
    let vocabulary = exact.weights.vocabularySize
    let sequences = [3, 14, 60].map { length in
      (0..<length).map { Int32(truncatingIfNeeded: ($0 * 7_919 + length * 101) % vocabulary) }
    }
    let workspace = EncoderWorkspace(rows: sequences.reduce(0) { $0 + $1.count }, shape: exact.weights.shape)
    let pairs = zip(
      candidate.vectors(of: sequences, in: workspace), exact.vectors(of: sequences, in: workspace))
    // The vectors have length 1.
    let cosines = pairs.map { zip($0, $1).reduce(0) { $0 + $1.0 * $1.1 } }
    return cosines.allSatisfy(\.isFinite) ? cosines.min() ?? .nan : .nan
  }
}
