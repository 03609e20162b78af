import Contract
import HTTPTypes

/// How a request is answered: what its path, its method and its media type together mean.
enum Exchange: Sendable {
  /// A method with one answer.
  case unary(Binding, any UnaryWire)
  /// A method with a stream of server-sent events.
  case events(RESTMessage)
  /// A method with a stream of enveloped messages.
  case enveloped(Binding, any EnvelopedWire)
  /// A method of the OpenAI-compatible API, and what the gaps of its path hold, still encoded.
  case openAI(OpenAIOperation, [Substring])
  /// A message of the Model Context Protocol.
  case mcp
  /// Something that is whole at once.
  case endpoint(@Sendable (RequestHead) async -> Answer)
  /// Nothing that can be called.
  case refused(Answer)

  /// Tells what a request is.
  init(_ match: RouteTable.Match, _ head: RequestHead, _ limits: HTTPLimits) {
    switch match {
    case .found(.endpoint(let endpoint), _, _): self = .endpoint(endpoint)
    case .found(.openAI(let operation), _, let values): self = .openAI(operation, values)
    case .found(.mcp, _, _): self = .mcp
    case .found(.rest(let binding), _, let values):
      let message = RESTMessage(binding: binding, head: head, values: values, limits: limits)
      self = binding.isStreaming ? .events(message) : .unary(binding, message)
    case .found(.procedure(let binding), _, _):
      self = Self.procedure(binding, head, limit: limits.bytes(for: binding.bodyLimit))
    case .found(.query(let binding), _, _):
      do {
        self = .unary(binding, try ConnectGet(head: head, limit: limits.bytes(for: binding.bodyLimit)))
      } catch {
        self = .refused(Answer(connect: error))
      }
    case .methodNotAllowed(_, let allowed):
      if head.method == "OPTIONS" {
        var answer = Answer(empty: .noContent)
        answer.headers[.allow] = allowed.joined(separator: ", ")
        self = .refused(answer)
      } else {
        var answer = HTTPRefusal.methodNotAllowed(allowed: allowed).answer
        if Self.isOpenAI(head) {
          let headers = answer.headers
          answer = OpenAIError.noSuchPath(head, status: 405).answer
          answer.headers[.allow] = headers[.allow]
        }
        self = .refused(answer)
      }
    case .notFound: self = .refused(Self.notFound(head))
    }
  }

  private static func procedure(_ binding: Binding, _ head: RequestHead, limit: Int) -> Exchange {
    let type = head.mediaType ?? ""
    if let form = GRPCWebWire.forms[type] {
      let wire = GRPCWebWire(head: head, form: form, limit: limit)
      return binding.isStreaming ? .enveloped(binding, wire) : .unary(binding, wire)
    }
    if binding.isStreaming, let format = ConnectStream.formats[type] {
      return .enveloped(binding, ConnectStream(head: head, format: format, limit: limit))
    }
    if !binding.isStreaming, let format = ConnectUnary.formats[type] {
      return .unary(binding, ConnectUnary(head: head, format: format, limit: limit))
    }
    let connect = (binding.isStreaming ? ConnectStream.formats : ConnectUnary.formats).keys.sorted()
    return .refused(
      HTTPRefusal.unsupportedMediaType(
        "the body must be \(connect.joined(separator: " or ")), or of gRPC-Web",
        accepted: connect + GRPCWebWire.forms.keys.sorted()
      ).answer)
  }

  /// No such path; below the contract's services it is a method that is not implemented, and gRPC-Web says so with 200.
  private static func notFound(_ head: RequestHead) -> Answer {
    if isOpenAI(head) { return OpenAIError.noSuchPath(head, status: 404).answer }
    guard head.path.hasPrefix(CORSPolicy.procedures) else { return HTTPRefusal.noSuchPath().answer }
    let refusal = HTTPRefusal.noSuchPath(.unimplemented)
    guard head.method == "POST", let form = head.mediaType.flatMap({ GRPCWebWire.forms[$0] }) else {
      return refusal.answer
    }
    return GRPCWebWire(head: head, form: form, limit: 0).refusal(refusal)
  }

  private static func isOpenAI(_ head: RequestHead) -> Bool { head.path.hasPrefix(OpenAIOperation.prefix + "/") }

  /// The protocol of a method's call; `nil` for what is none.
  var wire: (any Wire)? {
    switch self {
    case .unary(_, let wire): wire
    case .events(let wire): wire
    case .enveloped(_, let wire): wire
    case .openAI, .mcp, .endpoint, .refused: nil
    }
  }

  /// Whether a body is worth being sent: there is somebody to read it, and it is not too long.
  func readsBody(_ head: RequestHead, _ limits: HTTPLimits) -> Bool {
    guard let length = head.contentLength else { return true }
    if case .openAI = self { return length <= limits.completionBody }
    if case .mcp = self { return length <= limits.mcpBody }
    guard case .unary(let binding, let wire) = self else { return false }
    // The envelope, and Base64, make the body longer than its message: the envelope itself tells the length.
    if wire is GRPCWebWire { return true }
    let limit = limits.bytes(for: binding.bodyLimit)
    return length <= (binding.extra == .upload ? max(limit, limits.uploadedFile * 2) : limit)
  }
}
