#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Rows of floats without gaps, which grow in place where the allocator can move their pages.
struct VectorBuffer: ~Copyable {
  let dimensions: Int
  private(set) var count = 0
  private var capacity = 0
  private var storage: UnsafeMutablePointer<Float>?

  init(dimensions: Int) { self.dimensions = dimensions }

  deinit { free(storage) }

  /// The rows, valid until the buffer changes.
  func withRows<Result>(_ body: (UnsafePointer<Float>) throws -> Result) rethrows -> Result? {
    guard let storage else { return nil }
    return try body(storage)
  }

  /// Makes room for `rows` in all, so that adding them moves nothing.
  ///
  /// - Returns: whether there was memory for it.
  mutating func reserve(_ rows: Int) -> Bool {
    guard rows > capacity else { return true }
    // `realloc` and not a new allocation: a large block is moved by its page table, never held twice.
    let bytes = rows * dimensions * MemoryLayout<Float>.stride
    guard let moved = realloc(storage, bytes)?.assumingMemoryBound(to: Float.self) else { return false }
    storage = moved
    capacity = rows
    return true
  }

  /// Adds a row of zeros and answers with its index; `nil` when there is no memory for it.
  mutating func append() -> Int? {
    if count == capacity, !reserve(max(1_024, capacity + capacity / 2)) { return nil }
    storage.map { ($0 + count * dimensions).update(repeating: 0, count: dimensions) }
    count += 1
    return count - 1
  }

  /// Writes a row from the bytes of its floats.
  ///
  /// - Returns: whether the bytes are as many as a row has.
  mutating func set(_ row: Int, to bytes: UnsafeRawBufferPointer) -> Bool {
    guard let storage, row < count, bytes.count == dimensions * MemoryLayout<Float>.stride,
      let source = bytes.baseAddress
    else { return false }
    memcpy(storage + row * dimensions, source, bytes.count)
    return true
  }
}
