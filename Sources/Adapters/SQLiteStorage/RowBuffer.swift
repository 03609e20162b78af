#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Rows of numbers without gaps, which grow in place where the allocator can move their pages.
struct RowBuffer<Element: BitwiseCopyable & ExpressibleByIntegerLiteral>: ~Copyable {
  /// The elements of a row.
  let width: Int
  private(set) var count = 0
  private var capacity = 0
  private var storage: UnsafeMutablePointer<Element>?

  init(width: Int) { self.width = width }

  deinit { free(storage) }

  /// The rows, valid until the buffer changes.
  func withRows<Result>(_ body: (UnsafePointer<Element>) throws -> Result) rethrows -> Result? {
    guard let storage else { return nil }
    return try body(storage)
  }

  /// Makes room for `rows` in all, so that adding them moves nothing.
  ///
  /// - Returns: whether there was memory for it.
  mutating func reserve(_ rows: Int) -> Bool {
    guard rows > capacity else { return true }
    // `realloc` and not a new allocation: a large block is moved by its page table, never held twice.
    let bytes = rows * width * MemoryLayout<Element>.stride
    guard let moved = realloc(storage, bytes)?.assumingMemoryBound(to: Element.self) else { return false }
    storage = moved
    capacity = rows
    adviseHugePages(bytes)
    return true
  }

  /// A scan that reads everything once loses a fifth of its time to the page table of small pages.
  private func adviseHugePages(_ bytes: Int) {
    #if canImport(Glibc)
    guard let storage, bytes >= Self.hugePage else { return }
    let start = UnsafeMutableRawPointer(storage).alignedUp(toMultipleOf: Int(getpagesize()))
    let whole = bytes - UnsafeMutableRawPointer(storage).distance(to: start)
    // Advice alone: where it is refused, the pages stay small.
    _ = madvise(start, whole, MADV_HUGEPAGE)
    #endif
  }

  /// What a buffer must have before huge pages are asked for.
  private static var hugePage: Int { 2 << 20 }

  /// Adds a row of zeros and answers with its index; `nil` when there is no memory for it.
  mutating func append() -> Int? {
    if count == capacity, !reserve(max(1_024, capacity + capacity / 2)) { return nil }
    storage.map { ($0 + count * width).update(repeating: 0, count: width) }
    count += 1
    return count - 1
  }

  /// Lets `body` write a row.
  mutating func withRow(_ row: Int, _ body: (UnsafeMutablePointer<Element>) -> Void) {
    guard let storage, row < count else { return }
    body(storage + row * width)
  }

  /// Writes a row from the bytes of its elements.
  ///
  /// - Returns: whether the bytes are as many as a row has.
  mutating func set(_ row: Int, to bytes: UnsafeRawBufferPointer) -> Bool {
    guard let storage, row < count, bytes.count == width * MemoryLayout<Element>.stride,
      let source = bytes.baseAddress
    else { return false }
    memcpy(storage + row * width, source, bytes.count)
    return true
  }
}
