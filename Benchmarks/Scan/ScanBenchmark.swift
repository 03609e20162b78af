import CVectorMath
import Domain
import Foundation
import SQLiteStorage

/// Measures the vector scan of the offline profile and prints one JSON object; `peer.py` measures others on the same files.
///
/// Usage: `scan-benchmark FOLDER [COPIES]`, where the folder holds `chunks.f32` and `queries.f32`, rows of 384 floats. With
/// copies, each vector is there so many times, all but the first a little changed.
@main
struct ScanBenchmark {
  static let width = 384
  static let limit = 10

  static func main() throws {
    guard let folder = CommandLine.arguments.dropFirst().first else {
      print("usage: scan-benchmark FOLDER [COPIES]")
      exit(2)
    }
    let copies = CommandLine.arguments.count > 2 ? Int(CommandLine.arguments[2]) ?? 1 : 1
    let chunks = try floats(of: folder + "/chunks.f32", copies: copies)
    let queries = try floats(of: folder + "/queries.f32", copies: 1)
    let questions = (0..<queries.count / width).map { Array(queries[$0 * width..<($0 + 1) * width]) }
    let count = chunks.count / width
    let ids = (0..<count).map { _ in UUID() }
    let tenant = OrganizationID(UUID())
    let clock = ContinuousClock()
    let begin = clock.now
    let vectors = filled(with: chunks, ids: ids, tenant: tenant)
    let filling = (clock.now - begin) / .milliseconds(1)

    let scope = SearchScope(organizationID: tenant)
    var times: [Double] = [], plain: [Double] = [], found = 0
    var scores = [Float](repeating: 0, count: count)
    for (number, question) in questions.prefix(copies == 1 ? 110 : 30).enumerated() {
      let start = clock.now
      let best = vectors.nearest(to: question, in: scope, limit: limit)
      let middle = clock.now
      vm_dot_scan_f32(question, chunks, count, width, &scores)
      let end = clock.now
      if number >= 10 {
        times.append((middle - start) / .milliseconds(1))
        plain.append((end - middle) / .milliseconds(1))
      }
      let floor = scores.sorted(by: >)[limit - 1]
      found += best.count { $0.score >= Double(floor) - 1e-5 }
    }
    let recall = Double(found) / Double(min(questions.count, copies == 1 ? 110 : 30) * limit)
    let fields = [
      "\"vectors\": \(count)", "\"vnni\": \(vm_scan_uses_vnni() != 0)", "\"filling_ms\": \(rounded(filling))",
      "\"search_ms\": \(rounded(median(times)))",
      "\"search_p95_ms\": \(rounded(times.sorted()[times.count * 95 / 100]))",
      "\"f32_scan_ms\": \(rounded(median(plain)))", "\"recall_at_10\": \(recall)",
    ]
    print("{" + fields.joined(separator: ", ") + "}")
  }

  /// An index with the vectors in documents of ten chunks.
  private static func filled(with chunks: [Float], ids: [UUID], tenant: OrganizationID) -> ModelVectors {
    var vectors = ModelVectors(dimensions: width)
    guard vectors.reserve(ids.count) else { fatalError("there is no memory for the vectors") }
    chunks.withUnsafeBytes { bytes in
      for (slot, id) in ids.enumerated() {
        let row = Int64(slot / 10), stride = width * MemoryLayout<Float>.stride
        if slot % 10 == 0 {
          vectors.add(
            row,
            VectorRevision(
              organizationID: tenant.uuid, documentID: UUID(), submittedBy: tenant.uuid, publishedAt: 0,
              supersededAt: .max, sourceURI: nil, tags: []))
        }
        let isAdded = vectors.add(
          id, of: row, bytes: UnsafeRawBufferPointer(rebasing: bytes[slot * stride..<(slot + 1) * stride]))
        if !isAdded { fatalError("a vector was refused") }
      }
    }
    return vectors
  }

  /// The floats of a file, and copies of them that are turned a little, by a fixed rule.
  private static func floats(of path: String, copies: Int) throws -> [Float] {
    let data = try Data(contentsOf: URL(filePath: path))
    let original = data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    guard copies > 1 else { return original }
    var all = original
    all.reserveCapacity(original.count * copies)
    var state: UInt64 = 1
    for _ in 1..<copies {
      for value in original {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        all.append(value + Float(Int32(truncatingIfNeeded: state >> 32)) / Float(Int32.max) * 0.02)
      }
    }
    return all
  }

  private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
  private static func rounded(_ value: Double) -> String { String(format: "%.2f", value) }
}
