import Foundation
import Logging
import ServiceContextModule
import Synchronization
import Testing

@testable import Telemetry

@Suite("Logs are one JSON object a line")
struct JSONLogHandlerTests {
  private enum Request: ServiceContextKey {
    typealias Value = Logger.MetadataProvider
  }
  private enum Unrelated: ServiceContextKey {
    typealias Value = String
    static var nameOverride: String? { "password" }
  }

  private func object(_ line: String) throws -> [String: Any] {
    #expect(line.last == "\n")
    #expect(line.dropLast().contains { $0.isNewline } == false)
    return try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
  }

  @Test("a line has time, level, message, service and logger, in this order")
  func fields() throws {
    let (logger, output) = makeLogger()
    logger.info("it works", metadata: ["answer": "yes"])
    #expect(
      output.lines == [
        #"{"timestamp":"2026-11-21T03:27:00.250Z","level":"info","message":"it works","service":"opentier","#
          + #""logger":"test","answer":"yes"}"# + "\n"
      ]
    )
  }

  @Test("the trace and the request of the current context are on every line, other values of it are not")
  func context() throws {
    let (logger, output) = makeLogger()
    var context = ServiceContext.topLevel
    context.traceContext = TraceContext.new()
    context[Request.self] = Logger.MetadataProvider { ["request_id": "r-1"] }
    context[Unrelated.self] = "secret"
    ServiceContext.withValue(context) { logger.info("hello") }
    let line = try object(#require(output.lines.first))
    let trace = try #require(context.traceContext)
    #expect(line["trace_id"] as? String == trace.traceID.description)
    #expect(line["span_id"] as? String == trace.spanID.description)
    #expect(line["request_id"] as? String == "r-1")
    #expect(line["password"] == nil)
  }

  @Test("metadata of the event wins over the logger's, and that over the context's; those of a request come first")
  func precedence() throws {
    var (logger, output) = makeLogger()
    logger[metadataKey: "user_id"] = "from logger"
    logger[metadataKey: "a"] = "from logger"
    var context = ServiceContext.topLevel
    context[Request.self] = Logger.MetadataProvider { ["request_id": "from context"] }
    ServiceContext.withValue(context) { logger.info("x", metadata: ["a": "from event"]) }
    let line = try #require(output.lines.first)
    #expect(line.hasSuffix(#""request_id":"from context","user_id":"from logger","a":"from event"}"# + "\n"))
  }

  @Test("control characters, quotes and Unicode separators are escaped, all else stays as it is")
  func escaping() throws {
    let (logger, output) = makeLogger()
    let message = "\"quoted\" \\ \n\r\t\u{0}\u{1B}[31m\u{7F}\u{9B}\u{2028}\u{2029} é 日本 👩‍👩‍👧"
    logger.info("\(message)", metadata: ["k\n": "v\u{0}"])
    let line = try #require(output.lines.first)
    #expect(line.dropLast().unicodeScalars.contains { $0.isControl } == false)
    #expect(line.contains("é 日本 👩‍👩‍👧"))
    #expect(try object(line)["message"] as? String == message)
    #expect(try object(line)["k\n"] as? String == "v\u{0}")
  }

  @Test("numbers and truth values stay such, lists and dictionaries too")
  func values() throws {
    let (logger, output) = makeLogger()
    logger.info(
      "x",
      metadata: [
        "int": .stringConvertible(-3), "double": .stringConvertible(0.5), "bool": .stringConvertible(true),
        "nan": .stringConvertible(Double.nan), "list": ["a", ["b"]], "map": ["z": "1", "a": .stringConvertible(2)],
      ]
    )
    let line = try #require(output.lines.first)
    #expect(
      line.hasSuffix(
        #""bool":true,"double":0.5,"int":-3,"list":["a",["b"]],"map":{"a":2,"z":"1"},"nan":"nan"}"# + "\n"
      )
    )
  }

  @Test("metadata cannot take the place of a line's own fields")
  func ownKeys() throws {
    let (logger, output) = makeLogger()
    logger.info("real", metadata: ["message": "forged", "level": "forged"])
    let line = try object(#require(output.lines.first))
    #expect(line["message"] as? String == "real")
    #expect(line["metadata_message"] as? String == "forged")
    #expect(line["metadata_level"] as? String == "forged")
  }

  @Test("an error is shown under its key")
  func error() throws {
    let (logger, output) = makeLogger()
    logger.error("failed", error: CancellationError())
    #expect(try object(#require(output.lines.first))["error"] as? String == "CancellationError()")
  }

  @Test("a text of 4 KiB is whole, a longer one is cut between characters and the line says so")
  func longText() throws {
    let (logger, output) = makeLogger()
    let whole = String(repeating: "x", count: 4096)
    logger.info("\(whole)")
    logger.info("\(String(repeating: "ü", count: 3000))")
    let first = try object(#require(output.lines.first))
    #expect(first["message"] as? String == whole)
    #expect(first["truncated"] == nil)
    let second = try object(#require(output.lines.last))
    #expect(second["message"] as? String == String(repeating: "ü", count: 2046) + "…")
    #expect(second["truncated"] as? Bool == true)
  }

  @Test("a line never exceeds 16 KiB and stays an object, whatever the metadata")
  func longLine() throws {
    let (logger, output) = makeLogger()
    let quote = String(repeating: "\u{1}", count: 4096)
    logger.info("\(quote)", metadata: ["a": .string(quote), "b": .array(Array(repeating: "\(quote)", count: 50))])
    logger.info("short", metadata: ["list": .array((0..<100_000).map { .stringConvertible($0) }), "z": "fits"])
    for line in output.lines { #expect(line.utf8.count <= 16 * 1024) }
    let first = try object(#require(output.lines.first))
    #expect(first["truncated"] as? Bool == true)
    #expect(first["level"] as? String == "info")
    let second = try object(#require(output.lines.last))
    #expect(second["message"] as? String == "short")
    #expect(second["list"] == nil)
    #expect(second["z"] as? String == "fits")
    #expect(second["truncated"] as? Bool == true)
  }

  @Test("lines written at once do not mix")
  func atomicity() async throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    let (reading, writing) = (ends[0], ends[1])
    let output = DescriptorLogOutput(descriptor: writing)
    // On a thread of its own: a read that waits must not hold one of the few that Swift's tasks share.
    let (all, arrived) = AsyncStream.makeStream(of: Data?.self)
    Thread.detachNewThread { [reading] in
      arrived.yield(try? FileHandle(fileDescriptor: reading, closeOnDealloc: true).readToEnd())
      arrived.finish()
    }
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<4 {
        group.addTask {
          // Longer than PIPE_BUF, up to which the kernel itself keeps writes whole.
          let line = [UInt8](repeating: UInt8(ascii: "a") + UInt8(number), count: 9000) + [UInt8(ascii: "\n")]
          for _ in 0..<50 { output.write(line: line) }
        }
      }
    }
    close(writing)
    let data = await all.first { _ in true } ?? nil
    let lines = try #require(data).split(separator: UInt8(ascii: "\n"))
    #expect(lines.count == 200)
    for line in lines {
      #expect(line.count == 9000)
      #expect(Set(line).count == 1)
    }
  }
}

@Suite("On a terminal logs are for people")
struct TextLogHandlerTests {
  private func line(isColored: Bool, _ log: (Logger) -> Void) -> String {
    let output = CollectedLines()
    var logger = Logger(label: "test") { label in
      TextLogHandler(
        label: label,
        output: output,
        isColored: isColored,
        metadataProvider: ContextMetadata.provider,
        now: { logTime }
      )
    }
    logger.logLevel = .trace
    log(logger)
    return output.lines.joined()
  }

  @Test("a line has time, level, message and metadata, quoted where needed")
  func plain() {
    let text = line(isColored: false) {
      $0.warning("slow", metadata: ["b": "two words", "a": "1", "c": "\"", "d": ""])
    }
    #expect(text == "03:27:00.250 WARNING  slow  (test) a=1 b=\"two words\" c=\"\\\"\" d=\"\"\n")
  }

  @Test("colours mark the level, and only where they are wanted")
  func colors() {
    #expect(line(isColored: true) { $0.error("x") }.contains("\u{1B}[31mERROR   \u{1B}[0m"))
    #expect(line(isColored: false) { $0.error("x") }.contains("\u{1B}") == false)
  }

  @Test("what a client sent cannot steer the terminal or begin a line")
  func escapes() {
    let text = line(isColored: false) { $0.info("a\u{1B}[2J\nb\u{9B}", metadata: ["k\r": "v\u{7}"]) }
    #expect(text.contains("a\\u{1b}[2J\\nb\\u{9b}"))
    #expect(text.contains("k\\r=v\\u{7}"))
    #expect(text.filter(\.isNewline).count == 1)
  }

  @Test(
    "NO_COLOR that is not empty, a dumb terminal or none at all means no colours",
    arguments: [
      (true, [:], true), (true, ["NO_COLOR": ""], true), (true, ["NO_COLOR": "1"], false),
      (true, ["TERM": "dumb"], false), (false, [:], false),
    ] as [(Bool, [String: String], Bool)]
  )
  func wantsColor(isTerminal: Bool, environment: [String: String], expected: Bool) {
    #expect(TextLogHandler.wantsColor(isTerminal: isTerminal, environment: environment) == expected)
  }
}

private let logTime = Date(timeIntervalSince1970: 1_795_231_620.25)

/// Keeps lines instead of writing them.
private final class CollectedLines: LogOutput {
  private let collected = Mutex<[String]>([])
  var lines: [String] { collected.withLock { $0 } }
  func write(line: [UInt8]) { collected.withLock { $0.append(String(decoding: line, as: UTF8.self)) } }
}

private func makeLogger() -> (Logger, CollectedLines) {
  let output = CollectedLines()
  let logger = Logger(label: "test") { label in
    JSONLogHandler(
      label: label,
      service: "opentier",
      output: output,
      metadataProvider: ContextMetadata.provider,
      now: { logTime }
    )
  }
  return (logger, output)
}
