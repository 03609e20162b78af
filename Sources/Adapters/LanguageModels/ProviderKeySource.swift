package import Application
import AsyncHTTPClient
import NIOHTTP1

/// Where a provider's key comes from, asked at every call so that a key is rotated without a restart.
package protocol ProviderKeySource: Sendable {
  /// The key; `nil` sends none.
  ///
  /// - Parameter rejected: the key that the provider has just refused, so that what is remembered is looked up anew.
  /// - Throws: `.misconfigured` when there is none where it should be; the words hold nothing of it. `.cancelled`.
  func key(rejected: ProviderKey?) async throws(ModelFailure) -> ProviderKey?
}

extension ProviderKeySource {
  /// Makes a call with the key, and once more where the provider refuses it and another has taken its place.
  ///
  /// - Returns: the last response, and the key that it answers.
  func answer<Response: ProviderResponse>(
    _ call: (ProviderKey?) async throws -> Response
  ) async throws -> (Response, ProviderKey?) {
    let key = try await key(rejected: nil)
    let response = try await call(key)
    guard let key, response.status == .unauthorized || response.status == .forbidden,
      let other = try await self.key(rejected: key), other != key
    else { return (response, key) }
    return (try await call(other), other)
  }
}

/// An answer whose body is yet to come.
protocol ProviderResponse {
  var status: HTTPResponseStatus { get }
}

extension HTTPClientResponse: ProviderResponse {}

/// A key that stays.
package struct FixedKey: ProviderKeySource {
  private let fixed: ProviderKey?

  /// Holds a key; `nil` sends none.
  package init(_ key: ProviderKey?) { fixed = key }

  package func key(rejected: ProviderKey?) async throws(ModelFailure) -> ProviderKey? { fixed }
}
