import Application
import Domain
import FoundationEssentials

/// Traps unless what extraction gave keeps its promises, and unless it can be cut into chunks that keep theirs.
func check(_ extracted: ExtractedText) {
  let bytes = Array(extracted.text.utf8)
  require(!bytes.contains(0), "the text has U+0000")
  var end = 0
  for block in extracted.blocks {
    require(block.range.lowerBound >= end && !block.range.isEmpty, "blocks overlap, or one is empty")
    require(block.range.upperBound <= bytes.count, "a block ends behind the text")
    require(isBoundary(block.range.lowerBound, bytes) && isBoundary(block.range.upperBound, bytes), "torn block")
    end = block.range.upperBound
  }
  checkChunks(of: extracted, by: TextChunker(), counter: ApproximateTokenCounter())
}

/// Traps unless each chunk has exactly the bytes of its offsets and starts on its page, they are in order, and no byte
/// of a block that is not white space is in none.
func checkChunks(of extracted: ExtractedText, by chunker: TextChunker, counter: any TokenCounter) {
  let bytes = Array(extracted.text.utf8)
  guard let chunks = try? chunker.chunks(of: extracted, counter: counter, makeID: { ChunkID(UUID()) }) else { return }
  var covered = [Bool](repeating: false, count: bytes.count)
  var last = (start: -1, end: 0)
  for chunk in chunks {
    let range = chunk.startOffset..<chunk.endOffset
    require(chunk.text.utf8.elementsEqual(bytes[range]), "a chunk's text is not at its offsets")
    require(bytes.trimmingWhiteSpace(range) == range && !range.isEmpty, "a chunk has white space at its ends")
    require(range.lowerBound > last.start && range.upperBound > last.end, "a chunk brings nothing new")
    let page = extracted.pageStarts.lastIndex { $0 <= range.lowerBound }.map { $0 + 1 }
    require(chunk.pages?.first == page, "a chunk does not start on its page")
    for index in range { covered[index] = true }
    last = (range.lowerBound, range.upperBound)
  }
  for block in extracted.blocks {
    var index = block.range.lowerBound
    while index < block.range.upperBound {
      let scalar = bytes.scalar(at: index)
      require(covered[index] || ScalarClass.isWhiteSpace(scalar.value), "a byte of a block is in no chunk")
      index += scalar.length
    }
  }
}

/// Whether no scalar goes over the offset.
func isBoundary(_ offset: Int, _ bytes: [UInt8]) -> Bool { offset == bytes.count || bytes[offset] & 0xC0 != 0x80 }

/// The text that bytes are, or nothing.
func text(of bytes: some Collection<UInt8>) -> String? { String(validating: bytes, as: UTF8.self) }

/// Traps with a message where something does not hold; that of `precondition` is not kept when optimised.
func require(_ holds: Bool, _ message: @autoclosure () -> String) {
  if !holds { fatalError(message()) }
}
