/// Memory for many arrays of numbers that are freed together.
final class NumberArena {
  private var blocks: [UnsafeMutableRawPointer] = []

  /// `count` floats on a cache line's boundary, not initialised.
  func allocate(_ count: Int) -> UnsafeMutablePointer<Float> { allocate(count, of: Float.self) }

  /// `count` numbers on a cache line's boundary, not initialised.
  func allocate<Number: BitwiseCopyable>(_ count: Int, of type: Number.Type) -> UnsafeMutablePointer<Number> {
    let size = max(1, count) * MemoryLayout<Number>.stride
    let raw = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
    blocks.append(raw)
    return raw.bindMemory(to: Number.self, capacity: max(1, count))
  }

  /// A copy of `floats`.
  func copy(_ floats: UnsafeBufferPointer<Float>) -> UnsafePointer<Float> {
    let block = allocate(floats.count)
    _ = UnsafeMutableBufferPointer(start: block, count: floats.count).initialize(fromContentsOf: floats)
    return UnsafePointer(block)
  }

  deinit {
    for block in blocks { block.deallocate() }
  }
}
