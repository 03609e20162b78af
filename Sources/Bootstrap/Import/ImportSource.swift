import Application
import Domain
import Foundation
import Synchronization

/// What is to be ingested, read as it is asked for: files, and the lines of JSON Lines files.
final class ImportSource: Sendable {
  /// One thing to ingest, not read yet where it is a file.
  enum Entry: Sendable {
    /// A line of a JSON Lines file.
    case document(DocumentLine, file: URL, number: Int)
    /// A file, and its size.
    case file(URL, byteCount: Int)
    /// A line that is there no longer as it was counted.
    case unreadable(source: String, CommandFailure)
  }

  private struct State {
    var nextFile = 0
    var lines: JSONLinesReader<DocumentLine>?
    var number = 0
  }

  /// How many there are.
  let count: Int
  private let files: [URL]
  private let state = Mutex(State())

  /// Looks through the files, so that a mistake is told before anything is ingested.
  ///
  /// - Throws: `.usage` for a file that is too large, or a line that is no document; `.notFound` for a file that cannot
  ///   be read.
  init(_ files: [URL], maximumBytes: Int) throws(CommandFailure) {
    var count = 0
    for file in files {
      if file.holdsLines {
        var lines = try JSONLinesReader<DocumentLine>(file)
        while try lines.next() != nil { count += 1 }
      } else {
        let size = try file.byteCount()
        guard size <= maximumBytes else {
          let path = file.path(percentEncoded: false)
          throw CommandFailure(.usage, "\(path) has \(size) bytes; at most \(maximumBytes) are taken")
        }
        count += 1
      }
    }
    self.count = count
    self.files = files
  }

  /// The next entry; `nil` behind the last.
  func next() -> Entry? { state.withLock { Self.next(&$0, files) } }

  private static func next(_ state: inout State, _ files: [URL]) -> Entry? {
    while true {
      if state.lines != nil {
        let file = files[state.nextFile - 1]
        do throws(CommandFailure) {
          if let document = try state.lines?.next() {
            state.number += 1
            return .document(document, file: file, number: state.number)
          }
        } catch {
          state.lines = nil
          return .unreadable(source: "file:\(file.path(percentEncoded: false))", error)
        }
        state.lines = nil
      }
      guard state.nextFile < files.count else { return nil }
      let file = files[state.nextFile]
      state.nextFile += 1
      do throws(CommandFailure) {
        guard file.holdsLines else { return .file(file, byteCount: try file.byteCount()) }
        state.lines = try JSONLinesReader(file)
        state.number = 0
      } catch {
        return .unreadable(source: "file:\(file.path(percentEncoded: false))", error)
      }
    }
  }
}

extension URL {
  /// Whether each line of the file is a document.
  fileprivate var holdsLines: Bool { ["jsonl", "ndjson"].contains(pathExtension.lowercased()) }

  fileprivate func byteCount() throws(CommandFailure) -> Int {
    // Asked anew: a URL remembers what it was told before.
    do {
      let attributes = try FileManager.default.attributesOfItem(atPath: path(percentEncoded: false))
      return (attributes[.size] as? NSNumber)?.intValue ?? 0
    } catch {
      throw CommandFailure(.notFound, "\(path(percentEncoded: false)) cannot be read")
    }
  }
}
