import NIOCore
import NIOPosix

/// A TCP connection on which a test writes exactly the bytes that it wants.
struct RawConnection {
  private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
  private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
  private(set) var received: [UInt8] = []

  var text: String { String(decoding: received, as: UTF8.self) }

  /// Connects; the connection is closed when `body` is done.
  static func open(port: Int, _ body: (inout RawConnection) async throws -> Void) async throws {
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connect(host: "127.0.0.1", port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
        }
      }
    try await channel.executeThenClose { inbound, outbound in
      var connection = RawConnection(inbound: inbound.makeAsyncIterator(), outbound: outbound)
      try await body(&connection)
    }
  }

  /// Writes bytes.
  func write(_ text: String) async throws { try await outbound.write(ByteBuffer(string: text)) }

  /// Writes bytes.
  func write(_ bytes: [UInt8]) async throws { try await outbound.write(ByteBuffer(bytes: bytes)) }

  /// Reads until the text holds something, or the connection ends.
  @discardableResult
  mutating func read(until text: String) async throws -> Bool {
    while !self.text.contains(text) {
      guard let part = try await inbound.next(isolation: #isolation) else { return false }
      received += part.readableBytesView
    }
    return true
  }

  /// Reads what comes next.
  ///
  /// - Returns: whether anything did, before the connection ended.
  mutating func readMore() async throws -> Bool {
    guard let part = try await inbound.next(isolation: #isolation) else { return false }
    received += part.readableBytesView
    return true
  }

  /// Reads until the connection ends.
  mutating func readToEnd() async throws {
    while let part = try await inbound.next(isolation: #isolation) { received += part.readableBytesView }
  }
}
