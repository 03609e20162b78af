import CVectorMath
import Domain
import FoundationEssentials
import Testing

@testable import Embeddings

@Suite("The embedder's arithmetic", .needsModel)
struct ArithmeticTests {
  private static func weights() throws -> SafetensorsFile {
    try SafetensorsFile(MappedFile(path: ModelUnderTest.directory.appending(path: ModelFiles.weights.name).path))
  }

  @Test(
    "gives the vectors of the reference implementation",
    arguments: [
      (MiniLMEmbedder.Arithmetic.float32, 0.999_99), (.int16, 0.999_9), (.bfloat16, 0.999_9), (.automatic, 0.999_9),
    ])
  func reference(arithmetic: MiniLMEmbedder.Arithmetic, leastCosine: Double) async throws {
    let embedder = try MiniLMEmbedder.load(from: ModelUnderTest.directory, arithmetic: arithmetic)
    let samples = try ModelUnderTest.samples("vectors.jsonl", of: VectorSample.self)
    let embeddings = try await embedder.embed(samples.map(\.text))
    for (embedding, sample) in zip(embeddings, samples) {
      #expect(Double(embedding.cosine(Embedding(sample.vector))) >= leastCosine, "\(sample.text.prefix(40))")
    }
  }

  /// Whether this build and this processor have bfloat16 by oneDNN: any with AVX-512.
  private static var hasOneDNN: Bool {
    #if OneDNN
    OneDNNCode(.miniLM) != nil
    #else
    false
    #endif
  }

  /// What `auto` may come to here.
  private static var fastest: Set<String> {
    #if OneDNN
    if OneDNNCode.isFastest { return ["bf16"] }
    #endif
    return [vm_has_linear_i16() != 0 ? "int16" : "f32"]
  }

  @Test("is the fast one where the processor has it, and f32 when that is asked for")
  func choice() throws {
    let hasFast = vm_has_linear_i16() != 0
    let automatic = try ArithmeticChoice(.automatic, weights: Self.weights(), shape: .miniLM)
    #expect(Self.fastest.contains(automatic.encoder.weights.arithmetic.name))
    #expect(automatic.fault == nil)
    let fixed = try ArithmeticChoice(.int16, weights: Self.weights(), shape: .miniLM)
    #expect((fixed.fault == nil) == hasFast)
    let half = try ArithmeticChoice(.bfloat16, weights: Self.weights(), shape: .miniLM)
    #expect((half.fault == nil) == (half.encoder.weights.arithmetic.name == "bf16"))
    #expect((half.fault == nil) == Self.hasOneDNN)
    let exact = try ArithmeticChoice(.float32, weights: Self.weights(), shape: .miniLM)
    #expect(exact.encoder.weights.arithmetic.name == "f32")
    #expect(exact.fault == nil)
  }

  @Test("is f32, with the reason, when the check of the fast one fails", .enabled(if: vm_has_linear_i16() != 0))
  func failedCheck() throws {
    let choice = try ArithmeticChoice(.automatic, weights: Self.weights(), shape: .miniLM, leastCosine: 1.5)
    #expect(choice.encoder.weights.arithmetic.name == "f32")
    let fault = try #require(choice.fault)
    #expect(fault.contains("below 1.5"))
  }
}

@Suite("The 16-bit linear layer", .enabled(if: vm_has_linear_i16() != 0))
struct Int16LinearTests {
  private static func numbers(_ count: Int, seed: UInt64) -> [Float] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Float(Int32(truncatingIfNeeded: state >> 32)) / Float(Int32.max)
    }
  }

  private static func linear(_ x: [Float], _ weights: [Float], _ bias: [Float], rows: Int) -> [Float] {
    let outputs = bias.count, inputs = weights.count / outputs
    var packed = [Int16](repeating: 7, count: weights.count)
    var scales = [Float](repeating: 7, count: outputs)
    vm_pack_weights_i16(weights, outputs, inputs, &packed, &scales)
    var rounded = [Int16](repeating: 7, count: rows * inputs)
    var rowScales = [Float](repeating: 7, count: rows)
    vm_quantise_rows_i16(x, rows, inputs, &rounded, &rowScales)
    var y = [Float](repeating: 7, count: rows * outputs)
    vm_linear_i16(rounded, rowScales, rows, packed, scales, bias, outputs, inputs, &y)
    return y
  }

  @Test("stays within what rounding to 12 bits allows, for all heights and for sums at the limit")
  func bound() {
    for inputs in [2, 30, 64, 384, 512, 514, 1_536] {
      for rows in [1, 2, 13, 14, 15, 29] {
        let outputs = 64
        // The first row and the first output are all ones: their sums are the largest that integers have to hold.
        let x = [Float](repeating: 1, count: inputs) + Self.numbers((rows - 1) * inputs, seed: 1)
        let weights = [Float](repeating: -1, count: inputs) + Self.numbers((outputs - 1) * inputs, seed: 2)
        let bias = Self.numbers(outputs, seed: 3)
        let y = Self.linear(x, weights, bias, rows: rows)
        var worst: Double = 0
        for r in 0..<rows {
          for o in 0..<outputs {
            let sum = (0..<inputs).reduce(Double(bias[o])) {
              $0 + Double(x[r * inputs + $1]) * Double(weights[o * inputs + $1])
            }
            worst = max(worst, abs(sum - Double(y[r * outputs + o])))
          }
        }
        // Each product is off by at most two halves of 1 / 2047, and a little for their product.
        #expect(worst <= Double(inputs) * 1.01 / 2_047 + 1e-5, "\(rows) × \(inputs)")
      }
    }
  }

  @Test("gives nothing finite for a row or an output that is not finite, and leaves the others alone")
  func notFinite() {
    var x = Self.numbers(3 * 64, seed: 4)
    var weights = Self.numbers(32 * 64, seed: 5)
    let bias = [Float](repeating: 0, count: 32)
    let whole = Self.linear(x, weights, bias, rows: 3)
    x[64 + 63] = .nan
    weights[9 * 64] = .infinity
    let broken = Self.linear(x, weights, bias, rows: 3)
    for r in 0..<3 {
      for o in 0..<32 {
        let value = broken[r * 32 + o]
        if r == 1 || o == 9 { #expect(!value.isFinite) } else { #expect(value == whole[r * 32 + o]) }
      }
    }
  }

  @Test("gives zeros for zeros, and the bias")
  func zeros() {
    let bias = Self.numbers(32, seed: 6)
    #expect(
      Self.linear([Float](repeating: 0, count: 128), Self.numbers(32 * 64, seed: 7), bias, rows: 2) == bias + bias)
  }
}
