import Domain
import FoundationEssentials

/// Reads JSON Lines, each line a document: an object with `text` and, where known, `_id`, `title` and `url`.
struct RecordCollection: CollectionReader {
  private let name: String
  private let source: String
  private let records: [String: Record]
  private let listed: [ListedItem]
  let maximumItems: Int

  private struct Record: Sendable {
    let line: Range<Int>
    let url: String?
  }
  private let bytes: [UInt8]

  /// - Parameter source: where the file comes from; what comes from the same source is the same collection.
  init(name: String, source: String, bytes: Data, maximumItems: Int, hash: (ArraySlice<UInt8>) -> String) {
    self.name = name
    self.source = source
    self.bytes = Array(bytes)
    self.maximumItems = maximumItems
    var found: [(number: Int, line: Range<Int>, record: Result<DocumentLine, BadLine>)] = []
    var keys: Set<String> = []
    var number = 0
    var start = 0
    while start < self.bytes.count {
      let end = self.bytes[start...].firstIndex(of: 0x0A) ?? self.bytes.count
      let line = start..<end
      (number, start) = (number + 1, end + 1)
      guard self.bytes[line].contains(where: { $0 > 0x20 }) else { continue }
      do throws(BadLine) {
        let record = try Self.line(self.bytes[line])
        if let id = record.id { try Self.take(id, into: &keys) }
        found.append((number, line, .success(record)))
      } catch {
        found.append((number, line, .failure(error)))
      }
    }
    var (records, listed): ([String: Record], [ListedItem]) = ([:], [])
    for (number, line, outcome) in found {
      // Named last, so that no name given here is one that a line has.
      func unnamed() -> String {
        var key = "line \(number)"
        while !keys.insert(key).inserted { key += "'" }
        return key
      }
      switch outcome {
      case .success(let record):
        let key = record.id ?? unnamed()
        records[key] = Record(line: line, url: record.url)
        listed.append(ListedItem(key: key, version: hash(self.bytes[line])))
      case .failure(let bad): listed.append(ListedItem(key: unnamed(), failure: bad.reason))
      }
    }
    self.records = records
    self.listed = listed
  }

  private static func take(_ id: String, into keys: inout Set<String>) throws(BadLine) {
    guard (1...CollectionItem.maximumKeyLength).contains(id.utf8.count), !NullCharacter.isIn(id) else {
      throw BadLine(reason: "its _id must have 1 to \(CollectionItem.maximumKeyLength) bytes without U+0000")
    }
    guard keys.insert(id).inserted else { throw BadLine(reason: "another line has the same _id") }
  }

  private struct BadLine: Error { let reason: String }

  private static func line(_ bytes: ArraySlice<UInt8>) throws(BadLine) -> DocumentLine {
    guard bytes.count <= DocumentLine.maximumBytes else {
      throw BadLine(reason: "it is longer than \(DocumentLine.maximumBytes) bytes")
    }
    let line: DocumentLine
    do { line = try JSONDecoder().decode(DocumentLine.self, from: Data(bytes)) } catch {
      throw BadLine(reason: "it is no JSON object with the field text")
    }
    if let url = line.url, url.isEmpty || url.count > SubmitKnowledge.maximumSourceLength {
      throw BadLine(reason: "its url must have 1 to \(SubmitKnowledge.maximumSourceLength) characters")
    }
    guard !line.text.trimmingWhitespace().isEmpty else { throw BadLine(reason: "its text is empty") }
    return line
  }

  var identity: String { "records \(source)" }
  var batchSize: Int { 50 }

  func list(resuming version: String?) async throws(CollectionFailure) -> CollectionListing? {
    // What was submitted never changes, so a run that has begun goes on.
    guard version == nil else { return nil }
    return CollectionListing(version: "", items: listed, isComplete: true)
  }

  func read(_ items: [CollectionItem]) async throws(CollectionFailure) -> [ReadItem] {
    items.map { item in
      guard let record = records[item.key] else { return .left(item.key, .failed, "it is not in the file") }
      do throws(BadLine) {
        let line = try Self.line(bytes[record.line])
        let title = (line.title ?? "").trimmingWhitespace()
        let text = NullCharacter.dropped(from: line.text)
        return ReadItem(
          key: item.key, state: .handedOn, validators: ItemValidators(version: item.offered),
          document: ReadItem.Document(
            title: title.isEmpty ? "\(name) \(item.key)" : title, content: .text(text),
            sourceURI: line.url.map { NullCharacter.dropped(from: $0) } ?? "\(source)#\(item.key)",
            byteCount: text.utf8.count, metadata: ["id": .string(item.key)]))
      } catch {
        return .left(item.key, .failed, error.reason)
      }
    }
  }
}
