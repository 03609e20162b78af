import CVectorMath

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
    let fast: DenseArithmetic
    switch Self.candidate(wanted, shape: shape) {
    case .success(.float32):
      encoder = exact
      fault = nil
      return
    case .success(let arithmetic): fast = arithmetic
    case .failure(let missing):
      encoder = exact
      fault = missing.reason
      return
    }
    let candidate = BertEncoder(weights: try BertWeights(weights, shape: shape, arithmetic: fast))
    let cosine = Self.cosine(of: candidate, with: exact)
    if cosine >= leastCosine {
      encoder = candidate
      fault = nil
    } else {
      encoder = exact
      fault = "the cosine of \(fast.name) with f32 is \(cosine), below \(leastCosine)"
    }
  }

  /// Why an arithmetic cannot be had.
  private struct Missing: Error {
    let reason: String
  }

  /// What is to be tried.
  private static func candidate(
    _ wanted: MiniLMEmbedder.Arithmetic, shape: BertShape
  ) -> Result<DenseArithmetic, Missing> {
    switch wanted {
    case .float32: return .success(.float32)
    case .int16:
      guard vm_has_linear_i16() != 0 else {
        return .failure(Missing(reason: "this processor has no AVX-512 VNNI, which int16 needs"))
      }
      return .success(.int16)
    case .bfloat16:
      #if OneDNN
      guard let code = OneDNNCode(shape) else {
        return .failure(Missing(reason: "oneDNN has no bf16 code for this processor"))
      }
      return .success(.bfloat16(code))
      #else
      return .failure(Missing(reason: "this build has no oneDNN, which bf16 needs"))
      #endif
    case .automatic:
      #if OneDNN
      if OneDNNCode.isFastest { return candidate(.bfloat16, shape: shape) }
      #endif
      return .success(vm_has_linear_i16() != 0 ? .int16 : .float32)
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
