import Application
import Domain
import Embeddings
import Foundation

/// Measures the embedder alone and prints one JSON object; `peer/embedder.py` measures the peer's with the same texts.
///
/// Usage: `embedder-benchmark FOLDER-OF-THE-MODEL [auto|f32|int16|bf16]`, or with texts as JSON lines on the standard input
/// `embedder-benchmark FOLDER-OF-THE-MODEL tokens` (the ids of each text, a line each) or `… cosine` (of each arithmetic
/// with f32).
@main
struct EmbedderBenchmark {
  /// A token of the model's vocabulary each.
  static let words = ["wing", "flow", "speed", "heat", "layer", "shock", "plate", "theory"]

  /// A text of exactly so many tokens, `[CLS]` and `[SEP]` among them; another one for another number.
  static func text(_ tokens: Int, _ number: Int) -> String {
    (0..<(tokens - 2)).map { words[($0 * 7 + $0 / 8 * number + number) % 8] }.joined(separator: " ")
  }

  /// The processor time of this process in seconds.
  static func cpuSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  static func main() async throws {
    guard [2, 3].contains(CommandLine.arguments.count) else {
      print("usage: embedder-benchmark FOLDER-OF-THE-MODEL [auto|f32|int16|bf16|tokens|cosine]")
      exit(2)
    }
    let threads = ProcessInfo.processInfo.activeProcessorCount
    let folder = URL(filePath: CommandLine.arguments[1], directoryHint: .isDirectory)
    let mode = CommandLine.arguments.count > 2 ? CommandLine.arguments[2] : "auto"
    if mode == "tokens" { return try Comparison.printTokens(folder) }
    if mode == "cosine" { return try await Comparison.printCosines(folder) }
    guard let arithmetic = MiniLMEmbedder.Arithmetic(rawValue: mode) else {
      print("there is no arithmetic \(mode)")
      exit(2)
    }
    let embedder = try MiniLMEmbedder.load(from: folder, limits: .init(threads: threads), arithmetic: arithmetic)
    if let fault = embedder.arithmeticFault { print(fault) }
    guard embedder.tokenizer.count(text(14, 0)) == 12 else {
      print("the words of this benchmark are not one token each in this vocabulary")
      exit(1)
    }
    let clock = ContinuousClock()
    var times: [Double] = []
    for number in 0..<110 {
      let start = clock.now
      _ = try await embedder.embed([text(14, number)])
      times.append((clock.now - start) / .milliseconds(1))
    }
    var fields = ["\"arithmetic\": \"\(embedder.arithmetic)\""]
    fields.append("\"query14_ms\": \(rounded(times.dropFirst(10).sorted()[50], 3))")
    for (tokens, count) in [(20, 256), (200, 64)] {
      let texts = (0..<count).map { text(tokens, $0) }
      let (start, cpu) = (clock.now, cpuSeconds())
      _ = try await embedder.embed(texts)
      let seconds = (clock.now - start) / .seconds(1)
      fields.append("\"texts\(tokens)_per_second\": \(rounded(Double(count) / seconds, 1))")
      fields.append("\"texts\(tokens)_per_cpu_second\": \(rounded(Double(count) / (cpuSeconds() - cpu), 1))")
      let together = clock.now
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<threads { group.addTask { _ = try await embedder.embed(texts) } }
        try await group.waitForAll()
      }
      let all = (clock.now - together) / .seconds(1)
      fields.append("\"texts\(tokens)_per_second_all_threads\": \(rounded(Double(count * threads) / all, 1))")
    }
    print("{" + fields.joined(separator: ", ") + "}")
  }

  private static func rounded(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
}
