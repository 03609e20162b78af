import Contract
import HTTPTypes

/// What the wires on a procedure's path know of a request before its body is read.
struct ProcedureRequest: Sendable {
  let head: RequestHead
  /// The most bytes of the message, as it comes and inflated.
  let limit: Int
  private let negotiated: Result<Compression, ContractError>

  /// Reads a head.
  ///
  /// - Parameters:
  ///   - sent: the coding of the request, by name; `nil` where none is named.
  ///   - accepted: the field that lists the codings that the client takes.
  init(_ head: RequestHead, limit: Int, sent: String?, accepted: HTTPField.Name) {
    self.head = head
    self.limit = limit
    negotiated = Result { () throws(ContractError) in
      try Compression(sent: sent, accepted: head.headers[accepted])
    }
  }

  /// How the request is compressed, and its answer may be.
  ///
  /// - Throws: `unimplemented` where the request's coding is not known.
  func compression() throws(ContractError) -> Compression { try negotiated.get() }

  /// The coding that the header of a stream announces; `nil` where no message will be compressed.
  var announcedCoding: String? {
    guard case .success(let compression) = negotiated, compression.response != .identity else { return nil }
    return compression.response.rawValue
  }
}
