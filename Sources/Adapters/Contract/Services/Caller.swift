import Application
import Domain
import GRPCCore

/// Who is calling, from the call's context.
///
/// - Throws: `unauthenticated` where the wire has found out nobody.
func caller() throws(ContractError) -> Principal {
  guard let principal = CallContext.current?.principal else {
    throw ContractError(.unauthenticated, "sign in first")
  }
  return principal
}

/// What is known of the caller's client.
func client() -> ClientInfo {
  ClientInfo(ipAddress: CallContext.current?.remoteAddress, userAgent: CallContext.current?.userAgent)
}
