import GRPCProtobuf
import SwiftProtobuf

extension ContractError {
  /// The bytes of the `google.rpc.Status` that gRPC's `grpc-status-details-bin` carries; `nil` without details.
  ///
  /// Source: gRPC's error guide, "Richer error model".
  package var statusDetails: [UInt8]? {
    guard !details.isEmpty else { return nil }
    let status = GoogleRPCStatus(
      code: code.grpc, message: message,
      details: details.compactMap { detail in
        // Messages of strings always serialize, and nothing else is ever packed.
        (try? Google_Protobuf_Any(message: detail)).map { .any($0) }
      })
    return try? status.serializedBytes()
  }
}
