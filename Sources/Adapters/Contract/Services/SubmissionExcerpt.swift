import Domain
import FoundationEssentials

/// What a reviewer reads of a submission's content.
struct SubmissionExcerpt {
  /// The most bytes that are shown.
  static let maximumBytes = 1 << 20

  /// The text, cut between characters.
  let text: String
  /// Whether it goes on.
  let isTruncated: Bool

  /// The start of a content as far as it is text: `nil` for a URL and for a file that is not UTF-8.
  init?(_ content: SubmissionContent) {
    switch content {
    case .text(let text): self.init(text)
    case .url, .crawl, .repository: return nil
    case .file(_, _, let bytes), .records(_, let bytes):
      guard let text = String(validating: bytes, as: UTF8.self), !text.utf8.contains(0) else { return nil }
      self.init(text)
    }
  }

  private init(_ whole: String) {
    guard whole.utf8.count > Self.maximumBytes else {
      (text, isTruncated) = (whole, false)
      return
    }
    var end = whole.utf8.index(whole.startIndex, offsetBy: Self.maximumBytes)
    while end.samePosition(in: whole) == nil { end = whole.utf8.index(before: end) }
    (text, isTruncated) = (String(whole[..<end]), true)
  }
}
