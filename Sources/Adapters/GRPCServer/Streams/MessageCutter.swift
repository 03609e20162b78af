import NIOCore

/// Follows the lengths of a stream's messages, and cuts off the first that is too long.
///
/// A message is a byte that says whether it is compressed, four bytes with its length, most significant first, and so
/// many bytes. Source: gRPC over HTTP/2, "Length-Prefixed-Message".
struct MessageCutter {
  /// The most bytes of a message as it is sent.
  let limit: Int

  /// The begin of a prefix that is not whole yet.
  private var held = ByteBuffer()
  /// What is still to come of the message that is being read, or of what is kept of it.
  private var remaining = 0
  private var isCutting = false
  private var isDone = false

  init(limit: Int) { self.limit = limit }

  /// What of a part is passed on; `nil` once nothing is any more.
  ///
  /// A message that is too long is passed on as an uncompressed one of one byte more than the limit; `isLast` tells that
  /// it is whole.
  mutating func cut(_ part: ByteBuffer) -> (bytes: ByteBuffer, isLast: Bool)? {
    guard !isDone else { return nil }
    var part = part
    if held.readableBytes > 0 {
      held.writeBuffer(&part)
      swap(&held, &part)
      held.clear()
    }
    var position = part.readerIndex
    while true {
      let step = min(remaining, part.writerIndex - position)
      remaining -= step
      position += step
      if isCutting {
        isDone = remaining == 0
        return (part.kept(to: position), isDone)
      }
      guard position < part.writerIndex else { return (part, false) }
      guard let length = part.getInteger(at: position + 1, as: UInt32.self) else {
        held.writeImmutableBuffer(part.behind(position))
        return (part.kept(to: position), false)
      }
      position += 5
      remaining = Int(length)
      if remaining > limit {
        remaining = limit + 1
        isCutting = true
        part.setInteger(UInt8(0), at: position - 5)
        part.setInteger(UInt32(remaining), at: position - 4)
      }
    }
  }
}

extension ByteBuffer {
  /// What can be read up to an index.
  fileprivate func kept(to index: Int) -> ByteBuffer {
    var part = self
    part.moveWriterIndex(to: index)
    return part
  }

  /// What can be read from an index on.
  fileprivate func behind(_ index: Int) -> ByteBuffer {
    var part = self
    part.moveReaderIndex(to: index)
    return part
  }
}
