package import Domain
import Synchronization

/// What a wire knows of a call besides its message; services read it from ``current``.
package final class CallContext: Sendable {
  /// The context of the call that the task is part of.
  @TaskLocal package static var current: CallContext?

  /// Names the request in answers and logs.
  package let requestID: String
  /// The token of `Authorization: Bearer`, as it came.
  package let bearerToken: String?
  /// The client's address, without the port, where the wire knows it.
  package let remoteAddress: String?
  /// The client's `User-Agent`.
  package let userAgent: String?
  /// When the caller stops waiting; `nil` when it did not say. What is called on its behalf need not take longer.
  package let deadline: ContinuousClock.Instant?

  private let resolved = Mutex<Principal?>(nil)

  /// Makes the context of a call.
  package init(
    requestID: String, bearerToken: String?, remoteAddress: String?, userAgent: String?,
    deadline: ContinuousClock.Instant? = nil
  ) {
    self.requestID = requestID
    self.bearerToken = bearerToken
    self.remoteAddress = remoteAddress
    self.userAgent = userAgent
    self.deadline = deadline
  }

  /// Who is calling, once that was found out; `nil` before, and for calls that need nobody.
  package var principal: Principal? { resolved.withLock { $0 } }

  /// Finds out who is calling, once.
  ///
  /// - Throws: `unauthenticated` without a token, and what `authenticate` throws.
  package func authenticate(by authenticate: Authenticate) async throws(ContractError) {
    guard principal == nil else { return }
    guard let bearerToken else {
      throw ContractError(
        .unauthenticated, "sign in and send the session's token, or an API key: Authorization: Bearer TOKEN")
    }
    let principal = try await authenticate(bearerToken)
    resolved.withLock { $0 = principal }
  }

  /// Refuses an API key that has none of some scopes; who has signed in may always pass.
  ///
  /// - Throws: `permission_denied`.
  package func requireScope(of scopes: Set<APIKeyScope>) throws(ContractError) {
    guard let key = principal?.apiKey, key.scopes.isDisjoint(with: scopes) else { return }
    let names = scopes.map(\.rawValue).sorted().joined(separator: " or ")
    throw ContractError(
      .permissionDenied,
      scopes.isEmpty
        ? "this takes a session, and no API key" : "the API key lacks the scope that this takes: \(names)")
  }

  /// Finds who a token belongs to.
  package typealias Authenticate = @Sendable (_ token: String) async throws(ContractError) -> Principal
}
