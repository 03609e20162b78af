import Crypto
package import Foundation

/// The file of a backup: a tar archive of the manifest and the database's own part, in this order, so that `tar` alone
/// gets at both.
///
/// The form is POSIX ustar (IEEE Std 1003.1, pax, "ustar Interchange Format"); a part of 8 GiB or more has its length in
/// GNU's base-256 form, which GNU tar, bsdtar and Python read.
package enum BackupArchive {
  /// The longest manifest that is read, in bytes.
  package static let maximumManifestBytes = 16 << 20
  private static let blockSize = 512
  private static let copySize = 1 << 20

  /// The length and SHA-256 of a file.
  package static func digest(of file: URL) throws(BackupFailure) -> (bytes: Int, sha256: String) {
    try reading(file) { handle throws(BackupFailure) in
      var hash = SHA256()
      var count = 0
      while let data = try read(copySize, from: handle, file) {
        hash.update(data: data)
        count += data.count
      }
      return (count, hash.finalize().hexadecimal)
    }
  }

  /// Writes an archive. It appears whole or not at all: it is written beside its place, synced, and renamed.
  ///
  /// - Parameters:
  ///   - payload: the file of the database's part, as the manifest describes it.
  ///   - replacing: whether a file that is there already is replaced.
  /// - Throws: `.occupied`, or `.unavailable` when it cannot be written.
  package static func write(
    _ manifest: BackupManifest, payload: URL, to target: URL, replacing: Bool
  ) throws(BackupFailure) {
    let path = target.path(percentEncoded: false)
    guard replacing || !FileManager.default.fileExists(atPath: path) else {
      throw .occupied("\(path) is there already; take another name, or say --force to replace it")
    }
    let partial = URL(filePath: path + ".partial")
    do {
      try FileManager.default.removeItemIfPresent(at: partial)
      let isMade = FileManager.default.createFile(
        atPath: partial.path(percentEncoded: false), contents: nil, attributes: [.posixPermissions: 0o600])
      guard isMade else { throw CocoaError(.fileWriteUnknown) }
      let handle = try FileHandle(forWritingTo: partial)
      defer { try? handle.close() }  // What was written was synced before.
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      encoder.dateEncodingStrategy = .iso8601
      let text = try encoder.encode(manifest)
      try handle.write(contentsOf: header(BackupManifest.fileName, size: text.count, at: manifest.createdAt))
      try handle.write(contentsOf: text + padding(after: text.count))
      try handle.write(
        contentsOf: header(manifest.engine.payloadName, size: manifest.payloadBytes, at: manifest.createdAt))
      try copy(payload, to: handle)
      try handle.write(contentsOf: padding(after: manifest.payloadBytes) + Data(count: 2 * blockSize))
      try handle.synchronize()
      guard rename(partial.path(percentEncoded: false), path) == 0 else { throw CocoaError(.fileWriteUnknown) }
    } catch {
      try? FileManager.default.removeItem(at: partial)  // The failure that led here is what counts.
      throw .unavailable("\(path) cannot be written: is there room, and may this user write there?")
    }
  }

  /// Reads an archive, puts the database's part into a file, and checks it against the manifest.
  ///
  /// - Throws: `.invalidArchive` when the file is no backup, is cut off or changed; `.unavailable` when it cannot be read.
  package static func extract(_ archive: URL, payloadTo target: URL) throws(BackupFailure) -> BackupManifest {
    try reading(archive) { handle throws(BackupFailure) in
      let manifest = try manifest(handle, archive)
      let entry = try entry(handle, archive)
      guard entry.name == manifest.engine.payloadName, entry.size == manifest.payloadBytes else {
        throw .invalidArchive("\(archive.path(percentEncoded: false)) is damaged: its parts do not fit together")
      }
      var hash = SHA256()
      var left = entry.size
      do {
        let isMade = FileManager.default.createFile(
          atPath: target.path(percentEncoded: false), contents: nil, attributes: [.posixPermissions: 0o600])
        guard isMade else { throw CocoaError(.fileWriteUnknown) }
        let output = try FileHandle(forWritingTo: target)
        defer { try? output.close() }  // What was written was synced before.
        while left > 0, let data = try read(min(left, copySize), from: handle, archive) {
          hash.update(data: data)
          left -= data.count
          try output.write(contentsOf: data)
        }
        try output.synchronize()
      } catch let failure as BackupFailure {
        throw failure
      } catch {
        throw .unavailable("\(target.path(percentEncoded: false)) cannot be written: is there room?")
      }
      guard left == 0, hash.finalize().hexadecimal == manifest.payloadSHA256 else {
        throw .invalidArchive("\(archive.path(percentEncoded: false)) is damaged: its checksum is wrong")
      }
      return manifest
    }
  }

  private static func manifest(_ handle: FileHandle, _ archive: URL) throws(BackupFailure) -> BackupManifest {
    let path = archive.path(percentEncoded: false)
    let entry = try entry(handle, archive)
    guard entry.name == BackupManifest.fileName, entry.size <= maximumManifestBytes else {
      throw .invalidArchive("\(path) is not a backup of OpenTier")
    }
    let length = entry.size + padding(after: entry.size).count
    guard let text = try read(length, from: handle, archive), text.count == length else {
      throw .invalidArchive("\(path) is damaged: it ends in the middle")
    }
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    struct Form: Decodable { let format: Int }
    do {
      let form = try decoder.decode(Form.self, from: text.prefix(entry.size))
      guard form.format <= BackupManifest.currentFormat else {
        throw BackupFailure.invalidArchive("\(path) was written by a later version: restore it with that one")
      }
      return try decoder.decode(BackupManifest.self, from: text.prefix(entry.size))
    } catch let failure as BackupFailure {
      throw failure
    } catch {
      throw .invalidArchive("\(path) is damaged: its manifest cannot be read")
    }
  }

  private static func entry(_ handle: FileHandle, _ archive: URL) throws(BackupFailure) -> (name: String, size: Int) {
    let notOurs = BackupFailure.invalidArchive(
      "\(archive.path(percentEncoded: false)) is not a backup of OpenTier, or is damaged")
    guard let data = try read(blockSize, from: handle, archive), data.count == blockSize else { throw notOurs }
    let block = [UInt8](data)
    let sum = block.enumerated().reduce(0) { $0 + ((148..<156).contains($1.offset) ? 32 : Int($1.element)) }
    guard block[257..<262].elementsEqual("ustar".utf8), octal(block[148..<156]) == sum, let size = size(block) else {
      throw notOurs
    }
    return (String(decoding: block[..<100].prefix { $0 != 0 }, as: UTF8.self), size)
  }

  private static func header(_ name: String, size: Int, at time: Date) -> Data {
    var block = [UInt8](repeating: 0, count: blockSize)
    func put(_ text: String, at offset: Int) {
      block.replaceSubrange(offset..<(offset + text.utf8.count), with: text.utf8)
    }
    func octalText(_ value: Int, digits: Int) -> String {
      let text = String(value, radix: 8)
      return String(repeating: "0", count: digits - text.count) + text
    }
    put(name, at: 0)
    put("0000600\u{0}0000000\u{0}0000000\u{0}", at: 100)
    if size < 1 << 33 {
      put(octalText(size, digits: 11), at: 124)
    } else {
      block[124] = 0x80
      for index in 0..<8 { block[135 - index] = UInt8(truncatingIfNeeded: size >> (8 * index)) }
    }
    put(octalText(max(0, Int(time.timeIntervalSince1970)), digits: 11), at: 136)
    put("        0", at: 148)
    put("ustar\u{0}00", at: 257)
    put(octalText(block.reduce(0) { $0 + Int($1) }, digits: 6) + "\u{0} ", at: 148)
    return Data(block)
  }

  private static func size(_ block: [UInt8]) -> Int? {
    guard block[124] & 0x80 != 0 else { return octal(block[124..<136]) }
    let value = block[128..<136].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return Int(exactly: value)
  }

  private static func octal(_ bytes: ArraySlice<UInt8>) -> Int? {
    Int(String(decoding: bytes.prefix { (48...55).contains($0) }, as: UTF8.self), radix: 8)
  }

  private static func padding(after size: Int) -> Data { Data(count: (blockSize - size % blockSize) % blockSize) }

  private static func copy(_ file: URL, to output: FileHandle) throws {
    let input = try FileHandle(forReadingFrom: file)
    defer { try? input.close() }  // It was only read.
    while let data = try input.read(upToCount: copySize), !data.isEmpty { try output.write(contentsOf: data) }
  }

  private static func reading<Value>(
    _ file: URL, _ body: (FileHandle) throws(BackupFailure) -> Value
  ) throws(BackupFailure) -> Value {
    let handle: FileHandle
    do { handle = try FileHandle(forReadingFrom: file) } catch {
      throw .unavailable(
        "\(file.path(percentEncoded: false)) cannot be opened: is it there, and may this user read it?")
    }
    defer { try? handle.close() }  // It was only read.
    return try body(handle)
  }

  private static func read(_ count: Int, from handle: FileHandle, _ file: URL) throws(BackupFailure) -> Data? {
    do {
      let data = try handle.read(upToCount: count)
      return data?.isEmpty == true ? nil : data
    } catch {
      throw .unavailable("\(file.path(percentEncoded: false)) cannot be read")
    }
  }
}

extension FileManager {
  fileprivate func removeItemIfPresent(at url: URL) throws {
    if fileExists(atPath: url.path(percentEncoded: false)) { try removeItem(at: url) }
  }
}
