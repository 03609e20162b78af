import Hummingbird
import NIOCore

/// Reads a request's body once, within limits.
struct BodyReader {
  private var iterator: RequestBody.AsyncIterator?
  /// Whether the end has been reached.
  private(set) var isAtEnd: Bool

  /// Reads a body; one that the head does not announce is at its end.
  init(_ body: RequestBody, head: RequestHead) {
    isAtEnd = !head.hasBody
    iterator = isAtEnd ? nil : body.makeAsyncIterator()
  }

  /// The next part; `nil` at the end.
  mutating func next() async throws -> ByteBuffer? {
    guard !isAtEnd, let part = try await iterator?.next(isolation: #isolation) else {
      isAtEnd = true
      return nil
    }
    return part
  }

  /// The whole body.
  ///
  /// - Throws: an ``HTTPRefusal`` of 413 as soon as it is longer than the limit, or says that it will be.
  mutating func collect(upTo limit: Int, declared: Int?) async throws -> ByteBuffer {
    if let declared, declared > limit { throw HTTPRefusal.tooLarge(limit: limit) }
    var whole = ByteBuffer()
    while var part = try await next() {
      guard whole.readableBytes + part.readableBytes <= limit else { throw HTTPRefusal.tooLarge(limit: limit) }
      if whole.readableBytes == 0 { whole = part } else { whole.writeBuffer(&part) }
    }
    return whole
  }

  /// Reads on without keeping anything.
  ///
  /// - Returns: whether the end was reached within the limit.
  mutating func drain(upTo limit: Int) async -> Bool {
    var seen = 0
    while !isAtEnd, seen <= limit {
      // A connection that fails while it is drained is closed, which is what the caller does next.
      guard let part = try? await next() else { return isAtEnd }
      seen += part.readableBytes
    }
    return isAtEnd
  }
}
