import Application
import Domain
import Foundation

/// Texts to be searched and questions, each with its vector.
struct Corpus: Sendable {
  struct Text: Decodable, Sendable {
    let title: String
    let text: String
  }

  private struct Question: Decodable { let text: String }

  let texts: [Text]
  let questions: [String]
  private let vectors: Data
  private let questionVectors: Data

  /// The width of the vectors: those of all-MiniLM-L6-v2.
  static let width = 384

  /// Reads `chunks.jsonl`, `queries.jsonl`, and their vectors as little-endian floats.
  init(folder: URL) throws {
    texts = try Self.lines("chunks.jsonl", in: folder)
    questions = try Self.lines("queries.jsonl", in: folder, as: Question.self).map(\.text)
    vectors = try Data(contentsOf: folder.appending(path: "chunks.f32"), options: .alwaysMapped)
    questionVectors = try Data(contentsOf: folder.appending(path: "queries.f32"))
    guard vectors.count == 4 * Self.width * texts.count, questionVectors.count == 4 * Self.width * questions.count
    else {
      throw CocoaError(.fileReadCorruptFile)
    }
  }

  private static func lines<Line: Decodable>(
    _ name: String, in folder: URL, as: Line.Type = Line.self
  ) throws -> [Line] {
    try Data(contentsOf: folder.appending(path: name)).split(separator: UInt8(ascii: "\n"))
      .map { try JSONDecoder().decode(Line.self, from: Data($0)) }
  }

  /// Writes the vectors of the texts, each by its title and first ten words, and of the questions.
  ///
  /// Ten words stand for the chunk, since 100,000 whole chunks would take more than an hour on one core; the vectors are
  /// as far apart as such texts are.
  static func embed(in folder: URL, by embedder: some Embedder) async throws {
    let questions = try lines("queries.jsonl", in: folder, as: Question.self).map(\.text)
    try await write(questions, to: folder.appending(path: "queries.f32"), by: embedder)
    let texts = try lines("chunks.jsonl", in: folder, as: Text.self).map { text in
      text.title + "\n" + text.text.split(whereSeparator: \.isWhitespace).prefix(10).joined(separator: " ")
    }
    try await write(texts, to: folder.appending(path: "chunks.f32"), by: embedder)
  }

  private static func write(_ texts: [String], to file: URL, by embedder: some Embedder) async throws {
    var data = Data()
    for start in stride(from: 0, to: texts.count, by: 64) {
      for embedding in try await embedder.embed(Array(texts[start..<min(start + 64, texts.count)])) {
        embedding.values.withUnsafeBytes { data.append(contentsOf: $0) }
      }
    }
    try data.write(to: file)
  }

  /// The vector of a text.
  func vector(_ index: Int) -> Embedding { Self.vector(index, in: vectors) }

  /// The vector of a question.
  func questionVector(_ index: Int) -> Embedding { Self.vector(index, in: questionVectors) }

  private static func vector(_ index: Int, in data: Data) -> Embedding {
    data.withUnsafeBytes { bytes in
      Embedding((0..<width).map { bytes.loadUnaligned(fromByteOffset: 4 * (index * width + $0), as: Float.self) })
    }
  }
}
