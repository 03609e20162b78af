import CVectorMath

/// A copy of the vectors in 8 bits, a quarter of their size, which tells what a score can be at most.
///
/// A search reads this copy whole and only the few full vectors that may belong to the best, so it is exact: see
/// `int8_scan.h` for the bound.
struct QuantisedRows: ~Copyable {
  private var rows: RowBuffer<UInt8>
  private var scales: [Float] = []
  /// The length of each row's rounding error.
  private var errors: [Float] = []
  /// As long as the longest row that was ever set, infinite ones left out.
  private var longest: Float = 0

  init(dimensions: Int) { rows = RowBuffer(width: vm_quantised_count(dimensions)) }

  /// Makes room for `count` rows in all.
  ///
  /// - Returns: whether there was memory for it.
  mutating func reserve(_ count: Int) -> Bool { rows.reserve(count) }

  /// Adds a row of zeros.
  ///
  /// - Returns: whether there was memory for it.
  mutating func append() -> Bool {
    guard rows.append() != nil else { return false }
    scales.append(0)
    errors.append(0)
    return true
  }

  /// Replaces a row.
  mutating func set(_ row: Int, to vector: UnsafeBufferPointer<Float>) {
    var scale: Float = 0, error: Float = 0, length: Float = 0
    rows.withRow(row) { vm_quantise_row(vector.baseAddress, vector.count, $0, &scale, &error, &length) }
    scales[row] = scale
    errors[row] = error
    if length.isFinite { longest = max(longest, length) }
  }

  /// Writes the most that the inner product of `query` and each row of a range can be, as computed in 32 bits.
  func bounds(_ range: Range<Int>, of query: QuantisedQuery, into bounds: UnsafeMutablePointer<Float>) {
    let width = rows.width
    rows.withRows { bytes in
      scales.withUnsafeBufferPointer { scales in
        guard let scale = scales.baseAddress else { return }
        vm_scan_quantised(
          query.parts, query.scale, bytes + range.lowerBound * width, scale + range.lowerBound, range.count, width,
          bounds)
      }
    }
    // What all rows share: the query's own rounding, and that of the sums in 32 bits, here and in the full product.
    let slack = (query.error + query.length * Self.rounding) * longest
    errors.withUnsafeBufferPointer { errors in
      for offset in 0..<range.count {
        bounds[offset] += (query.length + query.error) * errors[range.lowerBound + offset] + slack
      }
    }
  }

  /// Above the relative error of a sum of thousands of products in 32 bits.
  private static let rounding: Float = 2e-5
}

/// A query made ready for ``QuantisedRows``.
struct QuantisedQuery {
  fileprivate let parts: [Int8]
  fileprivate let scale: Float
  fileprivate let error: Float
  fileprivate let length: Float

  init(_ query: [Float]) {
    var scale: Float = 0, error: Float = 0, length: Float = 0
    let size = 2 * vm_quantised_count(query.count)
    parts = [Int8](unsafeUninitializedCapacity: size) { buffer, count in
      vm_quantise_query(query, query.count, buffer.baseAddress, &scale, &error, &length)
      count = size
    }
    self.scale = scale
    self.error = error
    self.length = length
  }
}
