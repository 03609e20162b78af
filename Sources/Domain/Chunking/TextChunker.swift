/// Cuts a text into the passages that are embedded, searched and cited.
///
/// Headings open new chunks. Paragraphs are packed up to the size; a paragraph that does not fit is cut at sentences
/// (code and tables at lines), a longer sentence at white space, longer stretches at the counter's words, longer words
/// at grapheme boundaries. Within a section a chunk repeats the last sentences of the one before it, so that what is
/// said across a cut is found. Each chunk is one stretch of the text: its bytes are `startOffset..<endOffset`, and
/// every byte of a block that is not white space is in a chunk. The same text and counter give the same chunks, in
/// time linear in the length of the text.
package struct TextChunker: Sendable {
  /// all-MiniLM-L6-v2 reads 256 tokens, two of them special: this leaves 54 for the title and the headings.
  package static let defaultMaximumTokens = 200
  /// One or two sentences.
  package static let defaultOverlapTokens = 40
  /// A text of 10 MB gives about 20,500, English or Chinese: whatever goes beyond this is a collection of documents
  /// rather than a document, or no prose.
  package static let defaultMaximumChunks = 30_000

  /// Why a text was not chunked.
  package enum Failure: Error, Hashable, Sendable {
    /// It gives more chunks than the limit.
    case tooManyChunks(limit: Int)
  }

  /// The most tokens of a chunk, at least 1; the overlap counts.
  package let maximumTokens: Int
  /// The most tokens that a chunk repeats of the one before, at most half of ``maximumTokens``.
  package let overlapTokens: Int
  /// The most chunks of a text.
  package let maximumChunks: Int

  /// Makes a chunker; values out of range are clamped.
  package init(
    maximumTokens: Int = defaultMaximumTokens,
    overlapTokens: Int = defaultOverlapTokens,
    maximumChunks: Int = defaultMaximumChunks
  ) {
    self.maximumTokens = max(1, maximumTokens)
    self.overlapTokens = min(max(0, overlapTokens), self.maximumTokens / 2)
    self.maximumChunks = max(1, maximumChunks)
  }

  /// The chunks of a text in order; none if it has no blocks.
  ///
  /// - Parameters:
  ///   - text: What extraction gave.
  ///   - counter: The embedder's tokens; its `words(in:)` is called once.
  ///   - makeID: Called once for each chunk, in order.
  package func chunks(
    of text: ExtractedText,
    counter: any TokenCounter,
    makeID: () -> ChunkID
  ) throws(Failure) -> [DocumentChunk] {
    let measured = MeasuredText(text.text, counter: counter, maximumTokens: maximumTokens)
    var packer = ChunkPacker(text: measured, overlapTokens: overlapTokens, maximumTokens: maximumTokens)
    var chunks: [DocumentChunk] = []
    for section in Section.sections(of: text, bytes: measured.bytes) {
      for range in packer.pack(section) {
        guard chunks.count < maximumChunks else { throw .tooManyChunks(limit: maximumChunks) }
        chunks.append(
          DocumentChunk(
            id: makeID(),
            ordinal: chunks.count,
            startOffset: range.lowerBound,
            endOffset: range.upperBound,
            text: String(decoding: measured.bytes[range], as: UTF8.self),
            headings: section.headings,
            pages: text.pages(of: range)
          )
        )
      }
    }
    return chunks
  }
}
