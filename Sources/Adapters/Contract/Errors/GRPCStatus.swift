package import GRPCCore
import GRPCProtobuf
import SwiftProtobuf

extension ContractError: RPCErrorConvertible {
  /// The code on native gRPC.
  package var rpcErrorCode: RPCError.Code { code.grpc }
  /// The message on native gRPC.
  package var rpcErrorMessage: String { message }
  /// The details on native gRPC: a `google.rpc.Status` in `grpc-status-details-bin`, where there are any.
  package var rpcErrorMetadata: Metadata {
    guard !details.isEmpty else { return [:] }
    let packed = details.compactMap { detail in
      // Two strings always serialize: no required fields, no `Any`, and Swift strings are valid UTF-8.
      (try? Google_Protobuf_Any(message: detail)).map(ErrorDetails.any)
    }
    return GoogleRPCStatus(code: code.grpc, message: message, details: packed).rpcErrorMetadata
  }
}
