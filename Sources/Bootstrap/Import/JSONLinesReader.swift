import Application
import Foundation

/// Reads a JSON Lines file a line at a time, whatever the file's size: the line, and a block that is read ahead, are all
/// that is in memory.
struct JSONLinesReader<Value: Decodable> {
  /// The most bytes of one line.
  static var maximumLineBytes: Int { DocumentLine.maximumBytes }

  private static var blockBytes: Int { 256 << 10 }

  private let name: String
  private let file: FileHandle
  private let decoder = JSONDecoder()
  private var buffer = Data()
  /// How much of the buffer holds no line end.
  private var searched = 0
  private var isAtEnd = false
  private var line = 0

  /// Opens a file.
  init(_ url: URL) throws(CommandFailure) {
    name = url.lastPathComponent
    do { file = try FileHandle(forReadingFrom: url) } catch {
      throw CommandFailure(.notFound, "\(url.path(percentEncoded: false)) cannot be read")
    }
  }

  /// The value of the next line that is not blank; `nil` behind the last.
  ///
  /// - Throws: `.usage`, naming the line, for one that is too long or not such a value. The next call reads on behind it,
  ///   unless it was too long.
  mutating func next() throws(CommandFailure) -> Value? {
    while let bytes = try nextLine() {
      line += 1
      guard bytes.contains(where: { !Self.isBlank($0) }) else { continue }
      do { return try decoder.decode(Value.self, from: bytes) } catch {
        throw CommandFailure(.usage, "\(name), line \(line): not a JSON object with the fields that are needed")
      }
    }
    return nil
  }

  private mutating func nextLine() throws(CommandFailure) -> Data? {
    while true {
      if let end = buffer.dropFirst(searched).firstIndex(of: UInt8(ascii: "\n")) {
        let bytes = buffer[buffer.startIndex..<end]
        buffer = buffer[(end + 1)...]
        searched = 0
        return bytes
      }
      searched = buffer.count
      guard buffer.count <= Self.maximumLineBytes else {
        throw CommandFailure(.usage, "\(name), line \(line + 1): longer than \(Self.maximumLineBytes) bytes")
      }
      if isAtEnd {
        defer { buffer = Data() }
        searched = 0
        return buffer.isEmpty ? nil : buffer
      }
      do {
        let block = try file.read(upToCount: Self.blockBytes) ?? Data()
        isAtEnd = block.isEmpty
        // A new buffer: what was read is freed with the old one.
        buffer = Data(buffer) + block
      } catch {
        throw CommandFailure(.failure, "\(name) cannot be read on: \(error.localizedDescription)")
      }
    }
  }

  private static func isBlank(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0D].contains(byte) }
}
