import Application
import Contract
import GRPCCore

/// Why a call to the intelligence side did not succeed.
struct CallFailure: Error {
  /// What the library or the other side says; `nil` when nobody could be called.
  let error: RPCError?
  /// Whether the other side may have begun to work on it.
  let mayHaveBegun: Bool
  private var reader: UseCaseFailure?

  /// A failure of whoever reads the answer.
  init(reader failure: UseCaseFailure) {
    self.init(RPCError(code: .cancelled, message: ""), mayHaveBegun: true)
    reader = failure
  }

  init(_ error: RPCError?, mayHaveBegun: Bool) {
    self.error = error
    self.mayHaveBegun = mayHaveBegun
  }

  /// Whether the process is not there, or cannot be reached: another one might serve.
  var isConnectionLost: Bool {
    guard let error else { return true }
    return error.code == .unavailable && error.answeredCode == nil
  }

  /// Whether the other side has ended the call with a failure of its own, so that nothing was broken off.
  var wasAnswered: Bool { error?.answeredCode != nil }

  /// What it means to the caller. The other side's own words are for people and pass; the library's are not.
  var useCaseFailure: UseCaseFailure {
    if let reader { return reader }
    guard let error else { return Self.away }
    guard let answered = error.answeredCode else {
      switch error.code {
      case .cancelled: return .cancelled
      case .unavailable, .deadlineExceeded: return Self.away
      default: return .broken("the intelligence side: \(error.code): \(error.message)")
      }
    }
    let failure = UseCaseFailure(
      ContractError(answered, error.message, retryAfter: error.retryAfter, reason: error.reason))
    switch failure {
    case .unauthenticated:
      return .broken("the intelligence side refuses this gateway: intelligence.secret must be the same on both sides")
    case .broken: return .broken("the intelligence side failed: its log says why, under the request id")
    default: return failure
    }
  }

  private static let away = UseCaseFailure.unavailable(
    "the service that answers and searches does not answer; try again")
}

extension RPCError {
  /// When the other side says that the call may be tried again.
  fileprivate var retryAfter: Duration? {
    metadata[stringValues: ContractError.retryAfterKey].lazy.compactMap { Int($0) }.first { _ in true }
      .map { .seconds($0) }
  }

  /// What is told apart within the code.
  fileprivate var reason: ContractError.Reason? {
    metadata[stringValues: ContractError.reasonKey].lazy.compactMap { ContractError.Reason(rawValue: $0) }.first { _ in
      true
    }
  }

  /// The contract's code where the other side's own code failed the call, as opposed to the connection.
  fileprivate var answeredCode: ContractErrorCode? {
    metadata[stringValues: ContractError.codeKey].lazy.compactMap { ContractErrorCode(rawValue: $0) }.first { _ in true
    }
  }
}
