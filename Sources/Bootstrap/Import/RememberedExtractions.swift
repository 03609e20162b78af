import Application
import Domain
import Synchronization

/// An extractor that is asked twice for the same file and extracts it once: for the title that the file names itself, and
/// then for its job.
final class RememberedExtractions: TextExtractor {
  /// The most bytes of text that are remembered; what was remembered first goes first.
  static let maximumBytes = 64 << 20

  private struct Entry {
    let key: Key
    let text: ExtractedText
    let mediaType: MediaType
  }

  private struct Key: Hashable {
    let hash: SecretHash
    let mediaType: MediaType
    let fileName: String?
  }

  private let extractor: any TextExtractor
  private let secrets: any SecretGenerator
  private let entries = Mutex<[Entry]>([])

  /// Wraps an extractor.
  init(_ extractor: any TextExtractor, secrets: any SecretGenerator) {
    self.extractor = extractor
    self.secrets = secrets
  }

  /// The title that a file names itself, remembering its text for the next ``extract(_:)``. What cannot be read has none
  /// here; its job says why.
  func title(of payload: Payload) async -> String? {
    guard let extracted = try? await extractor.extract(payload) else { return nil }
    let entry = Entry(key: key(of: payload), text: extracted.text, mediaType: extracted.mediaType)
    entries.withLock { entries in
      entries.append(entry)
      var bytes = entries.reduce(0) { $0 + $1.text.text.utf8.count }
      while bytes > Self.maximumBytes, !entries.isEmpty { bytes -= entries.removeFirst().text.text.utf8.count }
    }
    guard let title = extracted.text.title?.trimmingWhitespace(), !title.isEmpty else { return nil }
    return String(title.prefix(KnowledgeSubmission.maximumTitleLength))
  }

  /// Hands out what is remembered, once, or extracts.
  func extract(_ payload: Payload) async throws(ExtractionFailure) -> (text: ExtractedText, mediaType: MediaType) {
    if entries.withLock({ !$0.isEmpty }) {
      let key = key(of: payload)
      let known = entries.withLock { entries in
        entries.firstIndex { $0.key == key }.map { entries.remove(at: $0) }
      }
      if let known { return (known.text, known.mediaType) }
    }
    return try await extractor.extract(payload)
  }

  private func key(of payload: Payload) -> Key {
    Key(hash: secrets.hash(payload.bytes), mediaType: payload.mediaType, fileName: payload.fileName)
  }
}
