import Application
import CVectorMath
import Domain
import Testing

@testable import Embeddings

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The level is the process's, so these tests go one after the other; other suites accept any level meanwhile.
@Suite("The vector kernels", .serialized)
struct VectorKernelTests {
  private static let levels = Array(0...vm_best_level())

  private func at(_ level: Int32, _ body: () async throws -> Void) async rethrows {
    #expect(vm_set_level(level) == 0)
    #expect(vm_current_level() == level)
    defer { vm_set_level(vm_best_level()) }
    try await body()
  }

  /// Numbers between -1 and 1, the same in every run.
  private static func numbers(_ count: Int, seed: UInt64) -> [Float] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Float(Int32(truncatingIfNeeded: state >> 32)) / Float(Int32.max)
    }
  }

  private func largestDifference(_ a: [Float], _ b: [Float]) -> Float {
    zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) }
  }

  @Test("refuse a level that this machine does not have")
  func refusesUnknownLevels() {
    #expect(vm_set_level(-1) == -1)
    #expect(vm_set_level(vm_best_level() + 1) == -1)
  }

  @Test("score 8-bit rows within the bound that their rounding allows", arguments: levels)
  func quantisedScan(level: Int32) async {
    await at(level) {
      for dimensions in [1, 63, 64, 65, 384, 1_000, 20_000] {
        for count in [1, 3, 4, 5, 9] {
          let excess = quantisedExcess(dimensions, count: count)
          #expect(excess <= 0, "\(count) × \(dimensions)")
        }
      }
    }
  }

  /// By how much the worst of some scores in 8 bits leaves its bound.
  private func quantisedExcess(_ dimensions: Int, count: Int) -> Double {
    let padded = vm_quantised_count(dimensions)
    // All of one sign, and the most there is, in the last row and the query: the largest sums.
    let base = Self.numbers((count - 1) * dimensions, seed: 4) + [Float](repeating: 1, count: dimensions)
    let query = count % 2 == 0 ? Self.numbers(dimensions, seed: 5) : [Float](repeating: -1, count: dimensions)
    var bytes = [UInt8](repeating: 7, count: count * padded)
    var scales = [Float](repeating: 0, count: count), errors = scales, lengths = scales, scores = scales
    for row in 0..<count {
      base.withUnsafeBufferPointer { base in
        bytes.withUnsafeMutableBufferPointer { bytes in
          vm_quantise_row(
            base.baseAddress.map { $0 + row * dimensions }, dimensions, bytes.baseAddress.map { $0 + row * padded },
            &scales[row], &errors[row], &lengths[row])
        }
      }
    }
    var parts = [Int8](repeating: 7, count: 2 * padded)
    var scale: Float = 0, error: Float = 0, length: Float = 0
    vm_quantise_query(query, dimensions, &parts, &scale, &error, &length)
    vm_scan_quantised(parts, scale, bytes, scales, count, padded, &scores)
    return (0..<count).map { row in
      let exact = (0..<dimensions).reduce(0) { $0 + Double(query[$1]) * Double(base[row * dimensions + $1]) }
      let allowed = Double(length * errors[row] + error * (lengths[row] + errors[row]))
      return abs(Double(scores[row]) - exact) - allowed - 2e-6 * Double(length * lengths[row])
    }.max() ?? .infinity
  }

  @Test("multiply matrices of odd shapes and touch nothing beside the result", arguments: levels)
  func linear(level: Int32) async {
    await at(level) {
      for inputs in [1, 3, 17, 64] {
        for outputs in [1, 31, 32, 33, 65] {
          for rows in [1, 2, 5, 6, 7, 11, 12, 13, 25] {
            let difference = linearDifference(rows: rows, outputs: outputs, inputs: inputs)
            #expect(difference < 2e-5, "\(rows) × \(outputs) × \(inputs)")
          }
        }
      }
    }
  }

  /// The largest difference from the schoolbook product; infinite if anything beside the result was written.
  private func linearDifference(rows: Int, outputs: Int, inputs: Int) -> Float {
    let ldx = inputs + 3, ldy = outputs + 5
    let x = Self.numbers(rows * ldx, seed: 1), weights = Self.numbers(outputs * inputs, seed: 2)
    let bias: [Float]? = rows % 2 == 0 ? nil : Self.numbers(outputs, seed: 3)
    var packed = [Float](repeating: .nan, count: vm_packed_count(outputs, inputs))
    vm_pack_weights_f32(weights, outputs, inputs, &packed)
    var y = [Float](repeating: 7, count: rows * ldy)
    vm_linear_f32(x, ldx, rows, packed, bias, outputs, inputs, Int32(VM_ACTIVATION_NONE), &y, ldy)
    var expected = [Float](repeating: 7, count: rows * ldy)
    for row in 0..<rows {
      for output in 0..<outputs {
        var sum = Double(bias?[output] ?? 0)
        for input in 0..<inputs { sum += Double(x[row * ldx + input]) * Double(weights[output * inputs + input]) }
        expected[row * ldy + output] = Float(sum)
      }
      if y[(row * ldy + outputs)..<((row + 1) * ldy)].contains(where: { $0 != 7 }) { return .infinity }
    }
    return largestDifference(y, expected)
  }

  @Test("compute GELU with the exact error function to 1e-6", arguments: levels)
  func gelu(level: Int32) async {
    await at(level) {
      let inputs = stride(from: Float(-12), through: 12, by: 0.003).map { $0 } + [0, -0.0, 1e-30, 100, -100, 3e4]
      var outputs = inputs
      vm_gelu_f32(&outputs, outputs.count)
      let expected = inputs.map { Float(0.5 * Double($0) * erfc(-Double($0) / 2.0.squareRoot())) }
      #expect(largestDifference(outputs, expected) < 1e-6)
    }
  }

  @Test("normalise layers, with and without a residual, at any width", arguments: levels)
  func layerNorm(level: Int32) async {
    await at(level) {
      for width in [1, 5, 16, 37, 384] {
        for residual in [nil, Self.numbers(3 * width, seed: 5)] {
          let x = Self.numbers(3 * width, seed: 4), gamma = Self.numbers(width, seed: 6)
          let beta = Self.numbers(width, seed: 7)
          var y = x
          vm_layer_norm_f32(x, residual, gamma, beta, 1e-5, 3, width, &y)
          var expected: [Float] = []
          for row in 0..<3 {
            let sums = (0..<width).map { Double(x[row * width + $0] + (residual?[row * width + $0] ?? 0)) }
            let mean = sums.reduce(0, +) / Double(width)
            let variance = sums.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
            for column in 0..<width {
              let unit = (sums[column] - mean) / (variance + 1e-5).squareRoot()
              expected.append(Float(unit) * gamma[column] + beta[column])
            }
          }
          #expect(largestDifference(y, expected) < 2e-5, "width \(width)")
        }
      }
    }
  }

  @Test("make each row of a softmax sum to 1, far from overflow, and leave the gap between rows", arguments: levels)
  func softmax(level: Int32) async {
    await at(level) {
      for count in [1, 3, 16, 33, 100] {
        let ld = count + 2
        let x = Self.numbers(2 * ld, seed: 8).map { $0 * 1000 - 400 }
        var y = x
        vm_softmax_f32(&y, 2, count, ld, 0.05)
        for row in 0..<2 {
          let scaled = x[(row * ld)..<(row * ld + count)].map { Double($0) * 0.05 }
          let powers = scaled.map { exp($0 - (scaled.max() ?? 0)) }
          let expected = powers.map { Float($0 / powers.reduce(0, +)) }
          #expect(largestDifference(Array(y[(row * ld)..<(row * ld + count)]), expected) < 1e-5, "\(count)")
          #expect(y[row * ld + count] == x[row * ld + count])
        }
      }
    }
  }

  @Test("attend as the formula says, at lengths around a panel's", arguments: levels)
  func attention(level: Int32) async {
    await at(level) {
      for length in [1, 2, 31, 33, 45] {
        let heads = 2, size = 32, width = heads * size
        let qkv = Self.numbers(length * 3 * width, seed: 9)
        var scratch = [Float](repeating: .nan, count: vm_attention_scratch_count(length, size))
        var output = [Float](repeating: .nan, count: length * width)
        vm_attention_f32(qkv, length, heads, size, &scratch, &output)
        for (row, head) in [(0, 0), (length - 1, 1), (length / 2, 1)] {
          let query = row * 3 * width + head * size
          let scores = (0..<length).map { other in
            (0..<size).reduce(0.0) { sum, index in
              sum + Double(qkv[query + index] * qkv[other * 3 * width + width + head * size + index])
            } / Double(size).squareRoot()
          }
          let total = scores.reduce(0) { $0 + exp($1) }
          let expected = (0..<size).map { index in
            (0..<length).reduce(Float(0)) { sum, other in
              sum + Float(exp(scores[other]) / total) * qkv[other * 3 * width + 2 * width + head * size + index]
            }
          }
          let found = Array(output[(row * width + head * size)..<(row * width + head * size + size)])
          #expect(largestDifference(found, expected) < 1e-5, "\(length)")
        }
      }
    }
  }

  @Test("give the same inner products row by row and in a scan, at any width and count", arguments: levels)
  func dot(level: Int32) async {
    await at(level) {
      for width in [1, 7, 16, 63, 65, 384] {
        for count in [0, 1, 3, 4, 5, 9] {
          let query = Self.numbers(width, seed: 10), base = Self.numbers(width * count, seed: 11)
          var scores = [Float](repeating: 7, count: count + 1)
          vm_dot_scan_f32(query, base, count, width, &scores)
          #expect(scores[count] == 7)
          for row in 0..<count {
            let vector = Array(base[(row * width)..<((row + 1) * width)])
            let expected = zip(query, vector).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            #expect(abs(Double(scores[row]) - expected) < 2e-5)
            #expect(abs(Double(vm_dot_f32(query, vector, width)) - expected) < 2e-5)
          }
        }
      }
    }
  }

  @Test("scale a mean to length 1, and leave a mean of zero")
  func mean() {
    var output: [Float] = [9, 9]
    vm_mean_unit_f32([3, 0, 3, 8], 2, 2, &output)
    #expect(output == [0.6, 0.8])
    vm_mean_unit_f32([1, -2, -1, 2], 2, 2, &output)
    #expect(output == [0, 0])
  }

  @Test("reproduce every reference vector to a cosine of 0.9999", .needsModel, arguments: levels)
  func referenceVectors(level: Int32) async throws {
    let samples = try ModelUnderTest.samples("vectors.jsonl", of: VectorSample.self)
    #expect(samples.count >= 25)
    try await at(level) {
      let embeddings = try await ModelUnderTest.exactEmbedder().embed(samples.map(\.text))
      for (embedding, sample) in zip(embeddings, samples) {
        #expect(embedding.cosine(Embedding(sample.vector)) >= 0.9999, "\(sample.text.prefix(40))")
        // The fixture's six decimals leave an error of 5e-7; more than 2e-6 would be a kernel's.
        #expect(largestDifference(embedding.values, sample.vector) < 2e-6, "\(sample.text.prefix(40))")
      }
    }
  }

  @Test("give a text the same vector, bit for bit, alone and in a batch", .needsModel, arguments: levels)
  func batchesDoNotMatter(level: Int32) async throws {
    let texts = try ModelUnderTest.samples("vectors.jsonl", of: VectorSample.self).map(\.text)
    try await at(level) {
      let embedder = try ModelUnderTest.embedder()
      let together = try await embedder.embed(texts)
      for (index, text) in texts.enumerated() {
        let alone = try await embedder.embed([text])
        #expect(alone[0] == together[index])
      }
    }
  }

  @Test(
    "give many callers at once, bit for bit, what each gets alone", .needsModel,
    arguments: MiniLMEmbedder.Arithmetic.allCases)
  func manyCallers(arithmetic: MiniLMEmbedder.Arithmetic) async throws {
    let long = String(repeating: "supersonic flow over a heated flat plate ", count: 60)
    let embedder = try MiniLMEmbedder.load(
      from: ModelUnderTest.directory, limits: .init(threads: 2), arithmetic: arithmetic)
    // Sizes that fit into a group many at a time, that fill one, and that are longer than what another left.
    let requests = (0..<24).map { caller in
      (0..<1 + caller % 4).map { String(long.prefix(5 + (caller * 37 + $0 * 411) % 700)) }
    }
    var alone: [[Embedding]] = []
    for texts in requests { alone.append(try await embedder.embed(texts)) }
    let together = try await withThrowingTaskGroup(of: (Int, [Embedding]).self) { group in
      for (caller, texts) in requests.enumerated() {
        group.addTask { (caller, try await embedder.embed(texts)) }
      }
      return try await group.reduce(into: [Int: [Embedding]]()) { $0[$1.0] = $1.1 }
    }
    for caller in requests.indices { #expect(together[caller] == alone[caller]) }
  }
}
