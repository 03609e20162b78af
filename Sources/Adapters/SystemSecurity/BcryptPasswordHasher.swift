package import Application
package import Domain
import FoundationEssentials

/// Hashes passwords with bcrypt (`$2b$`) on a few threads of its own.
///
/// Cost 12 takes about a quarter of a second of a core, so the threads are as many as there are cores and no more wait
/// than a queue holds: beyond it callers hear `.overloaded` at once.
package final class BcryptPasswordHasher: PasswordHasher {
  /// The costs that may be configured and that a stored hash may have: 2^4 to 2^15 rounds.
  package static let costs = 4...15

  /// The logarithm of the number of rounds of new hashes.
  package let cost: Int
  private let threads: WorkerThreads
  private let decoy: PasswordHash

  /// Makes a hasher.
  ///
  /// - Parameters:
  ///   - cost: of new hashes and of the decoy, within ``costs``.
  ///   - threadCount: how many hashes are computed at once; by default the number of cores.
  ///   - maximumWaiting: how many more may wait.
  /// - Throws: `.failed` when the system's crypt library has no bcrypt.
  /// - Precondition: `costs` contains `cost`; configuration is checked before.
  package init(
    cost: Int = 12,
    threadCount: Int = max(1, ProcessInfo.processInfo.activeProcessorCount),
    maximumWaiting: Int = 32
  ) throws(HashingFailure) {
    precondition(Self.costs.contains(cost), "bcrypt's cost is between 4 and 15 here, not \(cost)")
    self.cost = cost
    threads = WorkerThreads(count: threadCount, maximumWaiting: maximumWaiting)
    // Only salt and cost matter for the time; what follows is compared with, and never equals anyone's hash because
    // the answer for the decoy is `false` anyway.
    decoy = PasswordHash(try Bcrypt.newSetting(cost: cost) + String(repeating: ".", count: 31))
  }

  package func hash(_ password: Password) async throws(HashingFailure) -> PasswordHash {
    let cost = cost
    let hashed = try await onThread { () throws(HashingFailure) in
      try Bcrypt.hash(password.text, setting: Bcrypt.newSetting(cost: cost))
    }
    return PasswordHash(hashed)
  }

  package func verify(
    _ password: Password,
    against hash: PasswordHash?
  ) async throws(HashingFailure) -> Bool {
    let stored = (hash ?? decoy).text
    guard let cost = Bcrypt.cost(of: stored), Self.costs.contains(cost) else {
      throw .failed("the stored hash is no bcrypt hash of a cost between 4 and 15")
    }
    let computed = try await onThread { () throws(HashingFailure) in
      try Bcrypt.hash(password.text, setting: stored)
    }
    return hash != nil && Bcrypt.equalInConstantTime(computed, stored)
  }

  private func onThread(
    _ work: @escaping @Sendable () throws(HashingFailure) -> String
  ) async throws(HashingFailure) -> String {
    let result: Result<String, HashingFailure>
    do {
      result = try await threads.run { () -> Result<String, HashingFailure> in
        do throws(HashingFailure) { return .success(try work()) } catch { return .failure(error) }
      }
    } catch {
      switch error {
      case .overloaded: throw .overloaded
      case .cancelled: throw .cancelled
      }
    }
    return try result.get()
  }
}
