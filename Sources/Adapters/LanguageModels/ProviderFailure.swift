import Application
import AsyncHTTPClient
import Domain
import NIOHTTP1
import NIOSSL

/// What a provider's errors mean. The words are for users and hold nothing that the provider wrote but a short code,
/// nor the address or the key.
struct ProviderFailure {
  let name: String

  /// The failure of an answer with an error status; the body's code is shown for what the request itself caused.
  func status(_ status: HTTPResponseStatus, code: String?, retryAfter: Duration?) -> ModelFailure {
    switch status.code {
    case 400 where code == "api_key_invalid": keyRefused
    case 401, 403: keyRefused
    case 404, 405:
      .misconfigured("the provider of the model \(name) does not have it at this address (\(status.code))")
    case 402:
      .misconfigured("the provider of the model \(name) wants to be paid first")
    case 429, 529: overloaded(retryAfter: retryAfter)
    case 503 where retryAfter != nil: overloaded(retryAfter: retryAfter)
    case 408, 425, 500...: .unavailable("the provider of the model \(name) has an error (\(status.code))")
    case 300..<400:
      .misconfigured("the provider of the model \(name) redirects elsewhere, which is not followed (\(status.code))")
    // The names that OpenAI and llama.cpp's server have for it.
    case 400 where code == "context_length_exceeded" || code == "exceed_context_size_error":
      .tooLong(refused(status, code))
    case 400..<500: .rejected(refused(status, code))
    default: broken("answers with the status \(status.code)")
    }
  }

  private func refused(_ status: HTTPResponseStatus, _ code: String?) -> String {
    "the model \(name) refuses this request (\(status.code)\(code.map { ", " + $0 } ?? ""))"
  }

  func overloaded(retryAfter: Duration?) -> ModelFailure {
    .overloaded("the provider of the model \(name) is overloaded or its quota is used up", retryAfter: retryAfter)
  }

  var keyRefused: ModelFailure { .misconfigured("the provider of the model \(name) refuses this server's key") }

  var filtered: ModelFailure { .rejected("the content filter of the model's provider stopped the reply") }

  func broken(_ what: String) -> ModelFailure { .broken("the model \(name) \(what)") }

  func expired(_ expiry: ReplyWatch.Expiry) -> ModelFailure {
    switch expiry {
    case .firstToken: .unavailable("the model \(name) did not begin to reply in time")
    case .gap: broken("stopped replying")
    case .whole: broken("took too long to finish its reply")
    }
  }

  /// The failure of a connection.
  func connection(_ error: any Error, hasBegun: Bool) -> ModelFailure {
    if hasBegun { return broken("broke off its reply") }
    if error is RefusedAddress {
      return .misconfigured("the provider of the model \(name) is at an address that this server does not connect to")
    }
    let reason =
      switch (error as? HTTPClientError, error as? ProviderConnections.Failure) {
      case (.connectTimeout, _), (.tlsHandshakeTimeout, _), (.getConnectionFromPoolTimeout, _), (_, .connectTimeout):
        "cannot be reached in time"
      case (.remoteConnectionClosed, _), (_, .closed): "closed the connection without an answer"
      default:
        error is NIOSSLError || error is NIOSSLExtraError || error is BoringSSLError
          ? "has no certificate that this server trusts, or speaks no TLS" : "cannot be reached"
      }
    return .unavailable("the provider of the model \(name) \(reason)")
  }
}
