import CVectorMath

/// What the dense layers of a model compute in.
enum DenseArithmetic: Sendable {
  /// 32-bit floating point, by the best instructions that the processor has.
  case float32
  /// 16-bit fixed point with 32-bit sums; needs AVX-512 VNNI.
  case int16
  #if OneDNN
  /// bfloat16 with 32-bit sums, by oneDNN.
  case bfloat16(OneDNNCode)
  #endif

  /// As configuration and logs have it.
  var name: String {
    switch self {
    case .float32: "f32"
    case .int16: "int16"
    #if OneDNN
    case .bfloat16: "bf16"
    #endif
    }
  }
}

/// A linear layer, y = W x + b, packed for the kernels; its memory is an arena's.
struct DenseLayer {
  private enum Weights {
    case float32(UnsafePointer<Float>)
    case int16(UnsafePointer<Int16>, scales: UnsafePointer<Float>)
    #if OneDNN
    case bfloat16(OneDNNWeights)
    #endif
  }

  private let weights: Weights
  private let bias: UnsafePointer<Float>
  private let outputs: Int
  private let inputs: Int

  /// Packs layers that share an input, side by side.
  ///
  /// Precondition: `outputs`, of each, is a multiple of `VM_PANEL`, and `inputs` is even.
  init(
    _ parts: [(weights: UnsafeBufferPointer<Float>, bias: UnsafeBufferPointer<Float>)],
    outputs: Int,
    inputs: Int,
    arithmetic: DenseArithmetic,
    in arena: NumberArena
  ) {
    // The panels of one part follow those of another without a gap.
    precondition(outputs % VM_PANEL == 0 && inputs % 2 == 0)
    self.outputs = outputs * parts.count
    self.inputs = inputs
    let size = outputs * inputs
    let bias = arena.allocate(self.outputs)
    for (index, part) in parts.enumerated() {
      _ = UnsafeMutableBufferPointer(start: bias + index * outputs, count: outputs).update(fromContentsOf: part.bias)
    }
    self.bias = UnsafePointer(bias)
    switch arithmetic {
    case .float32:
      let packed = arena.allocate(size * parts.count)
      for (index, part) in parts.enumerated() {
        vm_pack_weights_f32(part.weights.baseAddress, outputs, inputs, packed + index * size)
      }
      weights = .float32(packed)
    case .int16:
      let packed = arena.allocate(size * parts.count, of: Int16.self)
      let scales = arena.allocate(self.outputs)
      for (index, part) in parts.enumerated() {
        vm_pack_weights_i16(
          part.weights.baseAddress, outputs, inputs, packed + index * size, scales + index * outputs)
      }
      weights = .int16(packed, scales: scales)
    #if OneDNN
    case .bfloat16(let code):
      let joined = parts.flatMap(\.weights)
      weights = .bfloat16(OneDNNWeights(joined, outputs: self.outputs, inputs: inputs, code: code, in: arena))
    #endif
    }
  }

  /// Computes the layer over rows without gaps.
  func apply(
    to input: UnsafePointer<Float>,
    rows: Int,
    activation: Int = VM_ACTIVATION_NONE,
    rounded: RoundedRows,
    into output: UnsafeMutablePointer<Float>
  ) {
    switch weights {
    case .float32(let packed):
      vm_linear_f32(input, inputs, rows, packed, bias, outputs, inputs, Int32(activation), output, outputs)
    case .int16(let packed, let scales):
      vm_quantise_rows_i16(input, rows, inputs, rounded.values, rounded.scales)
      vm_linear_i16(rounded.values, rounded.scales, rows, packed, scales, bias, outputs, inputs, output)
      if activation == VM_ACTIVATION_GELU { vm_gelu_f32(output, rows * outputs) }
    #if OneDNN
    case .bfloat16(let weights):
      weights.apply(to: input, bias: bias, rows: rows, rounded: rounded, into: output)
      if activation == VM_ACTIVATION_GELU { vm_gelu_f32(output, rows * outputs) }
    #endif
    }
  }
}

/// Where a layer's input is rounded to 16 bits.
struct RoundedRows {
  let values: UnsafeMutablePointer<Int16>
  let scales: UnsafeMutablePointer<Float>

  /// Room for `rows` rows of at most `width`.
  init(rows: Int, width: Int, in arena: NumberArena) {
    values = arena.allocate(rows * width, of: Int16.self)
    scales = arena.allocate(rows)
  }
}
