package import Application

/// Where a provider's key comes from, asked at every call so that a key is rotated without a restart.
package protocol ProviderKeySource: Sendable {
  /// The key; `nil` sends none.
  ///
  /// - Parameter rejected: the key that the provider has just refused, so that what is remembered is looked up anew.
  /// - Throws: `.misconfigured` when there is none where it should be; the words hold nothing of it. `.cancelled`.
  func key(rejected: ProviderKey?) async throws(ModelFailure) -> ProviderKey?
}

/// A key that stays.
package struct FixedKey: ProviderKeySource {
  private let fixed: ProviderKey?

  /// Holds a key; `nil` sends none.
  package init(_ key: ProviderKey?) { fixed = key }

  package func key(rejected: ProviderKey?) async throws(ModelFailure) -> ProviderKey? { fixed }
}
