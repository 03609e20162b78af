/// What of a chunk is embedded and indexed by words.
package enum EmbeddingInput {
  /// The title, the headings above the chunk, and its text, a line each: a passage that is torn out of its document is
  /// found by what the document is about as well.
  package static func text(of chunk: DocumentChunk, title: String) -> String {
    var lines = [title]
    lines += chunk.headings.filter { $0 != title }
    lines.append(chunk.text)
    return lines.joined(separator: "\n")
  }
}
