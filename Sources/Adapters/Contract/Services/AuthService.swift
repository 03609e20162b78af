import Application
import Domain
import GRPCCore

/// `opentier.v1.AuthService` over the use cases.
struct AuthService: Opentier_V1_AuthService.SimpleServiceProtocol {
  let useCases: GatewayUseCases

  func signUp(
    request: Opentier_V1_SignUpRequest, context: ServerContext
  ) async throws -> Opentier_V1_SignUpResponse {
    let signedIn = try await useCases.signUp(
      SignUp.Command(
        email: request.email, password: request.password, displayName: request.displayName, client: client()))
    var response = Opentier_V1_SignUpResponse()
    response.user = Opentier_V1_User(signedIn.user)
    response.session = Opentier_V1_IssuedSession(signedIn)
    return response
  }

  func signIn(
    request: Opentier_V1_SignInRequest, context: ServerContext
  ) async throws -> Opentier_V1_SignInResponse {
    guard !request.email.isEmpty else { throw ContractError.invalid("email", "must not be empty") }
    guard !request.password.isEmpty else { throw ContractError.invalid("password", "must not be empty") }
    let signedIn = try await useCases.signIn(email: request.email, password: request.password, client: client())
    var response = Opentier_V1_SignInResponse()
    response.user = Opentier_V1_User(signedIn.user)
    response.session = Opentier_V1_IssuedSession(signedIn)
    return response
  }

  func signOut(
    request: Opentier_V1_SignOutRequest, context: ServerContext
  ) async throws -> Opentier_V1_SignOutResponse {
    try await useCases.sessions.signOut(caller())
    return Opentier_V1_SignOutResponse()
  }

  func getMe(
    request: Opentier_V1_GetMeRequest, context: ServerContext
  ) async throws -> Opentier_V1_GetMeResponse {
    var response = Opentier_V1_GetMeResponse()
    response.user = Opentier_V1_User(try await useCases.accounts.current(caller()))
    return response
  }

  func deleteMe(
    request: Opentier_V1_DeleteMeRequest, context: ServerContext
  ) async throws -> Opentier_V1_DeleteMeResponse {
    try await useCases.accounts.deleteOwn(caller())
    return Opentier_V1_DeleteMeResponse()
  }

  func listSessions(
    request: Opentier_V1_ListSessionsRequest, context: ServerContext
  ) async throws -> Opentier_V1_ListSessionsResponse {
    let caller = try caller()
    var response = Opentier_V1_ListSessionsResponse()
    response.sessions = try await useCases.sessions.list(caller).map {
      Opentier_V1_Session($0, current: caller.sessionID)
    }
    return response
  }

  func revokeSession(
    request: Opentier_V1_RevokeSessionRequest, context: ServerContext
  ) async throws -> Opentier_V1_RevokeSessionResponse {
    try await useCases.sessions.revoke(SessionID(of: "session", request.sessionID), caller())
    return Opentier_V1_RevokeSessionResponse()
  }

  func revokeAllSessions(
    request: Opentier_V1_RevokeAllSessionsRequest, context: ServerContext
  ) async throws -> Opentier_V1_RevokeAllSessionsResponse {
    var response = Opentier_V1_RevokeAllSessionsResponse()
    response.revoked = UInt32(count: try await useCases.sessions.revokeAll(caller()))
    return response
  }
}
