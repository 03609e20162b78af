package import GRPCCore

extension ContractError: RPCErrorConvertible {
  /// The key under which gRPC's trailers name the contract's code. It tells a failure of the server's own from one of
  /// the connection, which have the same statuses.
  package static let codeKey = "opentier-code"

  /// The code on native gRPC.
  package var rpcErrorCode: RPCError.Code { code.grpc }
  /// The message on native gRPC.
  package var rpcErrorMessage: String { message }
  /// The contract's code, and the details where there are any: a `google.rpc.Status` in `grpc-status-details-bin`.
  package var rpcErrorMetadata: Metadata {
    var metadata: Metadata = [Self.codeKey: "\(code.rawValue)"]
    if let statusDetails { metadata.addBinary(statusDetails, forKey: "grpc-status-details-bin") }
    return metadata
  }
}
