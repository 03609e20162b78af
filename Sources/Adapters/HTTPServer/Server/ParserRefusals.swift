import Contract
import Domain
import FoundationEssentials
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Gives the answer to what the HTTP parser refuses the shape of every other error.
///
/// A request that is none (an unknown method, a header that is too long, two lengths) never reaches the responder:
/// Hummingbird's channel writes a bare 400 for it, in order behind earlier answers, and closes the connection. This
/// handler stands before it on the way out, knows it by the parser's error that came in, and completes it.
final class ParserRefusals: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  private var failure: HTTPParserError?

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if let error = error as? HTTPParserError { failure = error }
    context.fireErrorCaught(error)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    // Every answer of ours carries a request id; the bare one does not.
    guard let failure, case .head(let head) = unwrapOutboundIn(data), head.headerFields[.requestID] == nil else {
      context.write(data, promise: promise)
      return
    }
    self.failure = nil
    let answer = Self.answer(to: failure)
    var fields = answer.headers
    fields.addCommon(requestID: UUID.unique().lowercaseText, date: HTTPDate.now())
    fields[.contentLength] = String(answer.body.readableBytes)
    fields[.connection] = "close"
    context.write(wrapOutboundOut(.head(HTTPResponse(status: answer.status, headerFields: fields))), promise: nil)
    context.write(wrapOutboundOut(.body(answer.body)), promise: promise)
  }

  private static func answer(to failure: HTTPParserError) -> Answer {
    switch failure {
    case .headerOverflow:
      Answer(
        ContractError(.resourceExhausted, "the header fields are too long"), status: .requestHeaderFieldsTooLarge)
    case .invalidMethod, .invalidURL, .invalidVersion:
      Answer(ContractError(.invalidArgument, "the request line is not one of HTTP/1.1"))
    default:
      Answer(ContractError(.invalidArgument, "the request is not HTTP/1.1"))
    }
  }
}
