#if OneDNN
import COneDNN

/// oneDNN's code for the dense layers of a model in bfloat16, one for each shape of a layer.
final class OneDNNCode: @unchecked Sendable {  // Invariant: nothing is written after init; freed in deinit alone.
  /// One shape of a layer.
  typealias Shape = UnsafeMutablePointer<OneDNNShape>

  private struct Key: Hashable {
    let outputs: Int
    let inputs: Int
  }

  private var shapes: [Key: Shape] = [:]

  /// Makes the code, which takes some 20 ms; `nil` where the processor or the library cannot.
  init?(_ shape: BertShape) {
    let width = shape.width
    for (outputs, inputs) in [(3 * width, width), (width, width), (shape.inner, width), (width, shape.inner)] {
      // Those that were made are freed in deinit.
      guard let made = onednn_shape_create(outputs, inputs) else { return nil }
      shapes[Key(outputs: outputs, inputs: inputs)] = made
    }
  }

  /// Whether the processor is faster in bfloat16 than in any other arithmetic: with AMX, and not with AVX-512's bfloat16
  /// instructions, which take as long as two of 32 bits.
  static var isFastest: Bool { onednn_has_matrix_unit() != 0 }

  /// The code for layers of a shape that the model has.
  func shape(outputs: Int, inputs: Int) -> Shape? { shapes[Key(outputs: outputs, inputs: inputs)] }

  deinit {
    for shape in shapes.values { onednn_shape_destroy(shape) }
  }
}

/// A layer's weights in bfloat16, packed for oneDNN.
struct OneDNNWeights {
  private let code: OneDNNCode
  private let shape: OneDNNCode.Shape
  private let packed: UnsafeMutablePointer<UInt8>

  /// Packs the weights of a layer of the model that `code` was made for.
  init(_ weights: [Float], outputs: Int, inputs: Int, code: OneDNNCode, in arena: NumberArena) {
    guard let shape = code.shape(outputs: outputs, inputs: inputs) else {
      preconditionFailure("the code is of a model without layers of \(outputs) × \(inputs)")
    }
    self.code = code
    self.shape = shape
    packed = arena.allocate(onednn_packed_size(shape), of: UInt8.self)
    onednn_pack(shape, weights, packed)
  }

  /// Computes the layer; see `onednn_apply`.
  func apply(
    to input: UnsafePointer<Float>,
    bias: UnsafePointer<Float>,
    rows: Int,
    rounded: RoundedRows,
    into output: UnsafeMutablePointer<Float>
  ) {
    let shape = shape.pointee, count = rows * shape.inputs
    rounded.values.withMemoryRebound(to: UInt16.self, capacity: count) { values in
      onednn_round(input, count, values)
      // 64: a cache line.
      withUnsafeTemporaryAllocation(byteCount: max(1, shape.scratch), alignment: 64) { scratch in
        onednn_apply(self.shape, packed, bias, values, rows, output, scratch.baseAddress)
      }
    }
  }
}
#endif
