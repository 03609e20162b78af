import Application
import Domain
import GRPCCore
import SwiftProtobuf

/// `opentier.v1.ApiKeyService` over the use cases.
struct ApiKeyService: Opentier_V1_ApiKeyService.SimpleServiceProtocol {
  let useCases: GatewayUseCases

  func listApiKeys(
    request: Opentier_V1_ListApiKeysRequest, context: ServerContext
  ) async throws -> Opentier_V1_ListApiKeysResponse {
    var response = Opentier_V1_ListApiKeysResponse()
    response.apiKeys = try await useCases.apiKeys.list(caller()).map(Opentier_V1_ApiKey.init)
    return response
  }

  func createApiKey(
    request: Opentier_V1_CreateApiKeyRequest, context: ServerContext
  ) async throws -> Opentier_V1_CreateApiKeyResponse {
    Opentier_V1_CreateApiKeyResponse(
      try await useCases.apiKeys.create(ManageAPIKeys.Command(request), caller()))
  }

  func revokeApiKey(
    request: Opentier_V1_RevokeApiKeyRequest, context: ServerContext
  ) async throws -> Opentier_V1_RevokeApiKeyResponse {
    try await useCases.apiKeys.revoke(APIKeyID(of: "API key", request.apiKeyID), caller())
    return Opentier_V1_RevokeApiKeyResponse()
  }
}
