import Contract
import HTTPTypes

/// A unary method without side effects on Connect, by GET: the query holds the message.
///
/// Source: the Connect protocol reference, "Unary-Get-Request".
struct ConnectGet: UnaryWire {
  /// What the query says.
  struct Query: Equatable {
    /// The message, compressed or not.
    var message: [UInt8]
    /// The name of the format.
    var encoding: String
    /// The name of the coding; `nil` where none is named.
    var compression: String?
  }

  private let request: ProcedureRequest
  private let format: MessageFormat
  private let query: Query

  /// Reads the head of a request.
  ///
  /// - Throws: `invalid_argument` for a query that is none of Connect's; an ``HTTPRefusal`` of 415 for a format that is
  ///   not known, as the protocol demands.
  init(head: RequestHead, limit: Int) throws {
    let query = try Self.query(head.query)
    switch query.encoding {
    case "json": format = .json
    case "proto": format = .binary
    default: throw HTTPRefusal.unsupportedMediaType("encoding must be json or proto")
    }
    request = ProcedureRequest(head, limit: limit, sent: query.compression, accepted: .acceptEncoding)
    self.query = query
  }

  func timeout() throws(ContractError) -> Duration? {
    try CallTimeout.connect(request.head[.connectTimeout])
  }

  func read(from body: inout BodyReader) async throws -> IncomingMessage {
    guard body.isAtEnd else { throw ContractError(.invalidArgument, "a GET takes no body: use the query") }
    let (limit, coding) = (request.limit, try request.compression().request)
    guard query.message.count <= limit else { throw HTTPRefusal.tooLarge(limit: limit) }
    guard coding == .gzip, !query.message.isEmpty else { return IncomingMessage(.encoded(query.message, format)) }
    do { return IncomingMessage(.encoded(try Gzip.inflate(query.message, limit: limit), format)) } catch {
      if case .tooLarge = error { throw HTTPRefusal.tooLarge(limit: limit) }
      throw ContractError(error, limit: limit, corrupt: .invalidArgument)
    }
  }

  func answer(_ message: OutgoingMessage) throws(ContractError) -> Answer {
    try Answer(connect: message, as: format, try request.compression())
  }

  func refusal(_ error: any Error) -> Answer { Answer(connect: error) }

  /// Reads a query; parameters may come in any order, and others beside them. Of one that comes twice the first counts.
  static func query(_ text: String) throws(ContractError) -> Query {
    guard let parameters = PercentEncoding.query(text) else {
      throw ContractError(.invalidArgument, "the query is not percent-encoded UTF-8")
    }
    func value(_ name: String) -> String? { parameters.first { $0.name == name }?.value }
    if let version = value("connect"), version != "v1" {
      throw ContractError(.invalidArgument, "the query parameter connect must be v1")
    }
    guard let encoding = value("encoding") else {
      throw ContractError(.invalidArgument, "the query parameter encoding is missing: it is json or proto")
    }
    guard let message = value("message") else {
      throw ContractError(.invalidArgument, "the query parameter message is missing")
    }
    let isBase64 = value("base64") == "1"
    do throws(Base64Reader.Malformed) {
      return Query(
        message: isBase64 ? try base64(message) : Array(message.utf8), encoding: encoding,
        compression: value("compression"))
    } catch {
      throw ContractError(.invalidArgument, "the query parameter message is not Base64 as URLs have it")
    }
  }

  private static func base64(_ text: String) throws(Base64Reader.Malformed) -> [UInt8] {
    var reader = Base64Reader(.urlSafe)
    let bytes = try reader.feed(Array(text.utf8))
    return try bytes + reader.finish()
  }
}
