import Application
import AsyncHTTPClient
import NIOHTTP1

/// What a provider's errors mean. The words are for users and hold nothing that the provider wrote but a short code,
/// nor the address or the key.
struct ProviderFailure {
  let name: String

  /// The failure of an answer with an error status; the body's code is shown for what the request itself caused.
  func status(_ status: HTTPResponseStatus, code: String?) -> ModelFailure {
    switch status.code {
    case 401, 403: .unavailable("the provider of the model \(name) refuses this server's key")
    case 404, 405:
      .unavailable("the provider of the model \(name) does not have it at this address (\(status.code))")
    case 408, 425, 500...: .unavailable("the provider of the model \(name) has an error (\(status.code))")
    case 429: .unavailable("the provider of the model \(name) is overloaded or its quota is used up")
    case 300..<400:
      .unavailable("the provider of the model \(name) redirects elsewhere, which is not followed (\(status.code))")
    case 400..<500: .rejected("the model \(name) refuses this request (\(status.code)\(code.map { ", " + $0 } ?? ""))")
    default: broken("answers with the status \(status.code)")
    }
  }

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
    let reason =
      switch error as? HTTPClientError {
      case .connectTimeout, .tlsHandshakeTimeout, .getConnectionFromPoolTimeout: "cannot be reached in time"
      case .remoteConnectionClosed: "closed the connection without an answer"
      default: "cannot be reached"
      }
    return .unavailable("the provider of the model \(name) \(reason)")
  }
}
