import Contract
import GRPCCore
import NIOCore
import NIOHPACK
import NIOHTTP2

/// Stands between a call's HTTP/2 stream and the gRPC library, for what the library leaves open.
///
/// - Every call has an id when the library sees it, and every answer tells it: also those that the library gives itself.
/// - A message that is longer than its method takes is cut off one byte behind the limit, where the service refuses it,
///   instead of being buffered up to the limit of the most generous method.
/// - What cannot be decompressed is answered with a status; the library would reset the stream.
/// - A server that shuts down lets calls go on for its grace time; the library would cancel them at once.
/// - The events of a stream, a few words each, are not compressed; the library compresses whatever a client can unpack.
/// - A client that still sends when it has been answered is told to stop (RFC 9113 §8.1).
///
/// The library's hook for it is meant for debugging, but it is the only one; handlers before the library's own are what
/// a stream's channel is made for.
final class StreamGate: ChannelDuplexHandler {
  typealias InboundIn = HTTP2Frame.FramePayload
  typealias InboundOut = HTTP2Frame.FramePayload
  typealias OutboundIn = HTTP2Frame.FramePayload
  typealias OutboundOut = HTTP2Frame.FramePayload

  private let limits: MessageLimits
  private let methods: [String: MethodDescriptor]
  private let log: CallLog
  private var cutter: MessageCutter?
  private var requestID: String?
  private var isUnknown = false
  private var hasAnswered = false
  private var hasEnded = false
  private var clientHasEnded = false
  private var isReading = false
  private let start = ContinuousClock.now

  /// Makes a gate for one stream.
  ///
  /// - Parameter methods: what is served, by full name.
  init(limits: MessageLimits, methods: [String: MethodDescriptor], log: CallLog) {
    self.limits = limits
    self.methods = methods
    self.log = log
  }

  func handlerAdded(context: ChannelHandlerContext) { log.streamOpened() }

  func handlerRemoved(context: ChannelHandlerContext) { log.streamClosed() }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var payload = unwrapInboundIn(data)
    switch payload {
    case .headers(var frame):
      if requestID == nil { begin(&frame.headers) }
      clientHasEnded = clientHasEnded || frame.endStream
      payload = .headers(frame)
    case .data(var frame):
      clientHasEnded = clientHasEnded || frame.endStream
      guard !hasEnded, case .byteBuffer(let buffer) = frame.data, cutter != nil else { return }
      guard let kept = cutter?.cut(buffer) else { return }
      // Nothing comes behind what was cut off, as far as the library is concerned.
      frame.data = .byteBuffer(kept.bytes)
      frame.endStream = frame.endStream || kept.isLast
      payload = .data(frame)
    default: break
    }
    isReading = true
    context.fireChannelRead(wrapInboundOut(payload))
    isReading = false
  }

  private func begin(_ headers: inout HPACKHeaders) {
    let id = CallMetadata.requestID(headers.first(name: Self.requestIDName))
    headers.replaceOrAdd(name: Self.requestIDName, value: id)
    requestID = id
    let name = (headers.first(name: ":path") ?? "").drop(while: { $0 == "/" })
    let method = methods[String(name)]
    isUnknown = method == nil
    if method?.type == .serverStreaming { headers.remove(name: "grpc-accept-encoding") }
    cutter = MessageCutter(limit: limits.bytes(for: name))
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    let payload = unwrapOutboundIn(data)
    if case .rstStream = payload { hasEnded = true }
    guard case .headers(var frame) = payload else {
      context.write(data, promise: promise)
      return
    }
    if !hasAnswered, let requestID, !frame.headers.contains(name: Self.requestIDName) {
      frame.headers.add(name: Self.requestIDName, value: requestID)
    }
    hasAnswered = true
    if frame.endStream {
      hasEnded = true
      if isUnknown, let requestID { log.recordUnknown(requestID: requestID, duration: .now - start) }
    }
    context.write(wrapOutboundOut(.headers(frame)), promise: promise)
    if frame.endStream, !clientHasEnded {
      context.write(wrapOutboundOut(.rstStream(.noError)), promise: nil)
    }
  }

  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    // While it is given data, the library closes a stream only over a message that it cannot unpack.
    if mode == .all, isReading, !hasEnded {
      let bytes = cutter?.limit ?? limits.standard
      var headers: HPACKHeaders = hasAnswered ? [:] : [":status": "200", "content-type": "application/grpc"]
      headers.add(name: "grpc-status", value: "8")
      headers.add(
        name: "grpc-message", value: "the compressed message is damaged, or has more than \(bytes) bytes unpacked")
      write(
        context: context, data: wrapOutboundOut(.headers(.init(headers: headers, endStream: true))), promise: nil)
      context.flush()
    }
    context.close(mode: mode, promise: promise)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is ChannelShouldQuiesceEvent { return }
    context.fireUserInboundEventTriggered(event)
  }

  private static let requestIDName = "x-request-id"
}
