import Domain
import FoundationEssentials

/// One token a word, so that budgets are plain numbers.
struct WordCounter: TokenCounter {
  func count(_ text: String) -> Int { words(in: text).count }

  func words(in text: String) -> [TokenizedWord] {
    var words: [TokenizedWord] = []
    var start: Int?
    for (offset, byte) in text.utf8.enumerated() {
      if byte == 0x20 || byte == 0x0A {
        if let begin = start { words.append(TokenizedWord(range: begin..<offset, tokens: 1)) }
        start = nil
      } else if start == nil {
        start = offset
      }
    }
    if let begin = start { words.append(TokenizedWord(range: begin..<text.utf8.count, tokens: 1)) }
    return words
  }
}

/// A revision's text, from which passages are cut.
struct SampleRevision {
  let id = RevisionID(UUID())
  let documentID = DocumentID(UUID())
  let text: String
  var title = "Sample"

  init(_ text: String, title: String = "Sample") {
    self.text = text
    self.title = title
  }

  func slice(_ range: Range<Int>) -> String {
    String(decoding: Array(text.utf8)[range], as: UTF8.self)
  }

  func hit(_ range: Range<Int>, score: Double = 1, pages: PageSpan? = nil) -> SearchHit {
    let chunk = DocumentChunk(
      id: ChunkID(UUID()), ordinal: 0, startOffset: range.lowerBound, endOffset: range.upperBound, text: slice(range),
      headings: [], pages: pages)
    return SearchHit(
      passage: Passage(
        chunk: chunk, documentID: documentID, revisionID: id, title: title, submittedBy: "Ada", approvedBy: "Grace"),
      score: score)
  }

  func source(_ marker: Int, pages: PageSpan? = nil) -> Source {
    Source(
      marker: marker, documentID: documentID, revisionID: id, chunkID: ChunkID(UUID()), title: title, text: text,
      startOffset: 0, endOffset: text.utf8.count, submittedBy: "Ada", approvedBy: "Grace", pages: pages)
  }
}

/// A message of a history.
func said(_ role: MessageRole, _ content: String, sources: [Source] = []) -> ChatMessage {
  ChatMessage(
    id: MessageID(UUID()), conversationID: ConversationID(UUID()), parentID: nil, role: role, content: content,
    sources: sources, createdAt: Date(timeIntervalSince1970: 0))
}
