package import GRPCCore

extension ContractError: RPCErrorConvertible {
  /// The key under which gRPC's trailers name the contract's code. It tells a failure of the server's own from one of
  /// the connection, which have the same statuses.
  package static let codeKey = "opentier-code"

  /// The key under which gRPC's trailers say after how many seconds a call may be tried again.
  package static let retryAfterKey = "opentier-retry-after"

  /// The key under which gRPC's trailers name what is told apart within a code.
  package static let reasonKey = "opentier-reason"

  /// The code on native gRPC.
  package var rpcErrorCode: RPCError.Code { code.grpc }
  /// The message on native gRPC.
  package var rpcErrorMessage: String { message }
  /// The contract's code, and the details where there are any: a `google.rpc.Status` in `grpc-status-details-bin`.
  package var rpcErrorMetadata: Metadata {
    var metadata: Metadata = [Self.codeKey: "\(code.rawValue)"]
    if let reason { metadata.addString(reason.rawValue, forKey: Self.reasonKey) }
    if let retryAfterSeconds { metadata.addString(String(retryAfterSeconds), forKey: Self.retryAfterKey) }
    if let statusDetails { metadata.addBinary(statusDetails, forKey: "grpc-status-details-bin") }
    return metadata
  }

  /// ``retryAfter`` in whole seconds, rounded up, as `Retry-After` has it (RFC 9110 §10.2.3).
  package var retryAfterSeconds: Int? {
    retryAfter.map { Int(($0 / .seconds(1)).rounded(.up)) }
  }
}
