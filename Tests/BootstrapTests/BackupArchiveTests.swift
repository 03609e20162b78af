import Foundation
import StorageBackups
import Testing

@Suite("The file of a backup")
struct BackupArchiveTests {
  private func withFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "opentier-archive-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let result = Result { try body(folder) }
    try FileManager.default.removeItem(at: folder)
    try result.get()
  }

  /// Writes an archive of `count` bytes and answers with its file and manifest.
  private func archive(_ count: Int, in folder: URL) throws -> (file: URL, manifest: BackupManifest) {
    let payload = folder.appending(path: "payload")
    try Data((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }).write(to: payload)
    let (bytes, sha256) = try BackupArchive.digest(of: payload)
    let manifest = BackupManifest(
      version: "1.2.3", engine: .sqlite, createdAt: Date(timeIntervalSince1970: 1_790_000_000), migrations: ["a", "b"],
      tables: [TableDigest(name: "t", rows: 2, sha256: "00")], payloadBytes: bytes, payloadSHA256: sha256)
    let file = folder.appending(path: "backup.tar")
    try BackupArchive.write(manifest, payload: payload, to: file, replacing: false)
    return (file, manifest)
  }

  @Test("what goes in comes out", arguments: [0, 1, 511, 512, 513, 1 << 20, (1 << 20) + 1])
  func roundTrip(_ count: Int) throws {
    try withFolder { folder in
      let (file, manifest) = try archive(count, in: folder)
      let target = folder.appending(path: "out")
      #expect(try BackupArchive.extract(file, payloadTo: target) == manifest)
      #expect(try Data(contentsOf: target) == Data(contentsOf: folder.appending(path: "payload")))
      let mode = try FileManager.default.attributesOfItem(atPath: file.path())[.posixPermissions] as? Int
      #expect(mode == 0o600)
    }
  }

  @Test("tar lists the two parts")
  func tar() throws {
    try withFolder { folder in
      let (file, _) = try archive(1000, in: folder)
      let process = Process()
      process.executableURL = URL(filePath: "/bin/tar")
      process.arguments = ["-tf", file.path()]
      let pipe = Pipe()
      process.standardOutput = pipe
      try process.run()
      let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
      #expect(String(decoding: output, as: UTF8.self) == "manifest.json\nopentier.db\n")
    }
  }

  @Test("a file that is there is not replaced unless asked for")
  func occupied() throws {
    try withFolder { folder in
      let (file, manifest) = try archive(10, in: folder)
      let payload = folder.appending(path: "payload")
      do {
        try BackupArchive.write(manifest, payload: payload, to: file, replacing: false)
        Issue.record("it was replaced")
      } catch BackupFailure.occupied {}
      try BackupArchive.write(manifest, payload: payload, to: file, replacing: true)
    }
  }

  @Test("a changed byte, wherever it is, or a missing end is found")
  func damage() throws {
    try withFolder { folder in
      let (file, manifest) = try archive(700, in: folder)
      let whole = try Data(contentsOf: file)
      let damaged = folder.appending(path: "damaged")
      // The blocks of zeros at the end carry nothing, nor does what fills up a block.
      for offset in stride(from: 0, to: whole.count - 1024 - 324, by: 7) {
        var bytes = whole
        bytes[offset] ^= 0x04
        try bytes.write(to: damaged)
        do {
          let read = try BackupArchive.extract(damaged, payloadTo: folder.appending(path: "out"))
          // What is not protected by a checksum of its own is the manifest's text: then it tells something else.
          #expect(read != manifest || bytes[offset] == 0x04, "offset \(offset)")
        } catch BackupFailure.invalidArchive {}
      }
      for length in [0, 100, 512, 600, 1500, 2000] {
        try whole.prefix(length).write(to: damaged)
        do {
          _ = try BackupArchive.extract(damaged, payloadTo: folder.appending(path: "out"))
          Issue.record("\(length) bytes were taken for a backup")
        } catch BackupFailure.invalidArchive {}
      }
    }
  }

  @Test("a later form is refused in words")
  func laterForm() throws {
    try withFolder { folder in
      let (file, _) = try archive(10, in: folder)
      let text = String(decoding: try Data(contentsOf: file), as: UTF8.self)
      try Data(text.replacing("\"format\" : 1", with: "\"format\" : 9").utf8).write(to: file)
      do {
        _ = try BackupArchive.extract(file, payloadTo: folder.appending(path: "out"))
        Issue.record("it was read")
      } catch BackupFailure.invalidArchive(let why) {
        #expect(why.contains("later version"))
      }
    }
  }

  @Test("tables that differ are named")
  func differences() {
    let manifest = BackupManifest(
      version: "1", engine: .postgres, createdAt: .now, migrations: [],
      tables: [
        TableDigest(name: "a", rows: 1, sha256: "01"), TableDigest(name: "b", rows: 2, sha256: "02"),
        TableDigest(name: "c", rows: 3, sha256: "03"),
      ], payloadBytes: 0, payloadSHA256: "")
    #expect(manifest.differences(from: manifest.tables).isEmpty)
    let found = [
      TableDigest(name: "a", rows: 1, sha256: "ff"), TableDigest(name: "b", rows: 1, sha256: "02"),
      TableDigest(name: "d", rows: 0, sha256: ""),
    ]
    #expect(
      manifest.differences(from: found) == [
        "a has 1 rows, as it should, but not the same", "b has 1 rows instead of 2", "c is missing",
        "d should not be there",
      ])
  }
}
