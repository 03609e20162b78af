import Embeddings
import Foundation

// Measures search in PostgreSQL: how long it takes by words, by vectors and by both, and what HNSW misses. The database
// is made for this and dropped afterwards. prepare.py makes the texts; README.md says how it goes together.

let usage = """
  usage: search-benchmark embed FOLDER-OF-THE-MODEL DATA-FOLDER
         search-benchmark load|measure DATABASE-URL DATA-FOLDER

  """
let arguments = CommandLine.arguments
guard arguments.count == 4, ["embed", "load", "measure"].contains(arguments[1]) else {
  FileHandle.standardError.write(Data(usage.utf8))
  exit(2)
}
let folder = URL(filePath: arguments[3], directoryHint: .isDirectory)
if arguments[1] == "embed" {
  let model = URL(filePath: arguments[2], directoryHint: .isDirectory)
  try await Corpus.embed(in: folder, by: MiniLMEmbedder.load(from: model, limits: .init(threads: 1)))
  exit(0)
}
let bench = try await SearchBench(url: arguments[2], corpus: Corpus(folder: folder))
let report = try await arguments[1] == "load" ? bench.load() : bench.measure()
await bench.close()

let encoder = JSONEncoder()
encoder.outputFormatting = [.sortedKeys]
print(String(decoding: try encoder.encode(report.mapValues { ($0 * 1_000).rounded() / 1_000 }), as: UTF8.self))
