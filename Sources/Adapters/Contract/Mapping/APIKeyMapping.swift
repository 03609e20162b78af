import Application
import Domain
import SwiftProtobuf

extension ManageAPIKeys.Command {
  /// Reads what a new key is to be.
  ///
  /// - Throws: `invalid_argument`.
  init(_ request: Opentier_V1_CreateApiKeyRequest) throws(ContractError) {
    var scopes: Set<APIKeyScope> = []
    for scope in request.scopes { scopes.insert(try APIKeyScope(scope)) }
    self.init(
      name: request.name, scopes: scopes,
      expiresAt: request.hasExpiresAt ? try request.expiresAt.date("expiresAt") : nil)
  }
}

extension APIKeyScope {
  fileprivate init(_ scope: Opentier_V1_ApiKeyScope) throws(ContractError) {
    switch scope {
    case .chat: self = .chat
    case .search: self = .search
    case .read: self = .read
    case .submit: self = .submit
    case .admin: self = .admin
    case .unspecified, .UNRECOGNIZED: throw .invalid("scopes", "must be of ApiKeyScope, such as API_KEY_SCOPE_CHAT")
    }
  }
}

extension Opentier_V1_ApiKeyScope {
  fileprivate init(_ scope: APIKeyScope) {
    switch scope {
    case .chat: self = .chat
    case .search: self = .search
    case .read: self = .read
    case .submit: self = .submit
    case .admin: self = .admin
    }
  }
}

extension Opentier_V1_CreateApiKeyResponse {
  /// A new key, with its secret.
  init(_ created: ManageAPIKeys.Created) {
    self.init()
    apiKey = Opentier_V1_ApiKey(created.key)
    secret = created.secret.text
  }
}

extension Opentier_V1_ApiKey {
  /// A key as its owner sees it.
  init(_ key: APIKey) {
    self.init()
    id = key.id.description
    name = key.name
    prefix = key.prefix
    scopes = APIKeyScope.allCases.filter(key.scopes.contains).map(Opentier_V1_ApiKeyScope.init)
    createdAt = Google_Protobuf_Timestamp(key.createdAt)
    if let time = key.expiresAt { expiresAt = Google_Protobuf_Timestamp(time) }
    if let time = key.lastUsedAt { lastUsedAt = Google_Protobuf_Timestamp(time) }
  }
}
