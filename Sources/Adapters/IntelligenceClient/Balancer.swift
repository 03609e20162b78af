import Domain
import FoundationEssentials

/// How calls are shared among the processes that serve.
package enum BalancingPolicy: String, CaseIterable, Sendable {
  /// One after the other.
  case roundRobin
  /// The one with the fewest calls under way.
  case leastConnections
  /// In turn, as often as their weights say.
  case weighted
  /// An organisation's calls go to one process as long as it serves, so that its caches stay warm.
  case organization
}

/// Chooses a process for a call: a value, so that its owner decides on the lock.
struct Balancer: Sendable {
  /// What is to be known of a process to choose it.
  struct Candidate: Sendable {
    /// Names it, always the same: its place.
    let id: String
    /// From 1.
    var weight = 1
    /// How many calls it has under way.
    var callsUnderWay = 0
  }

  private let policy: BalancingPolicy
  private var turn = 0
  private var credit: [String: Int] = [:]

  init(_ policy: BalancingPolicy) { self.policy = policy }

  /// The index of the one to call; `nil` when there is none.
  mutating func choose(among candidates: [Candidate], for organization: OrganizationID?) -> Int? {
    guard !candidates.isEmpty else { return nil }
    switch policy {
    case .roundRobin: return next(of: candidates.count)
    case .leastConnections:
      // Those with equally few calls take turns.
      let fewest = candidates.map(\.callsUnderWay).min() ?? 0
      let idle = candidates.indices.filter { candidates[$0].callsUnderWay == fewest }
      return idle[next(of: idle.count)]
    case .weighted: return weighted(candidates)
    case .organization:
      guard let organization else { return next(of: candidates.count) }
      return candidates.indices.max { left, right in
        Self.score(candidates[left], organization) < Self.score(candidates[right], organization)
      }
    }
  }

  private mutating func next(of count: Int) -> Int {
    turn = turn &+ 1
    return Int(turn.magnitude % UInt(count))
  }

  /// Smooth weighted round robin, as nginx has it: who has waited longest for the weight comes next, so that a heavy
  /// one's turns are spread and not in a row.
  private mutating func weighted(_ candidates: [Candidate]) -> Int {
    var best = 0
    var total = 0
    for index in candidates.indices {
      let candidate = candidates[index]
      total += candidate.weight
      credit[candidate.id, default: 0] += candidate.weight
      if credit[candidate.id, default: 0] > credit[candidates[best].id, default: 0] { best = index }
    }
    credit[candidates[best].id, default: 0] -= total
    if credit.count > candidates.count {
      let known = Set(candidates.map(\.id))
      credit = credit.filter { known.contains($0.key) }
    }
    return best
  }

  /// Consistent hashing as rendezvous hashing has it: every process draws a number for the organisation, and the highest
  /// serves. When one goes, only its own organisations move; there is no ring to keep.
  ///
  /// Source: Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates" (1998).
  private static func score(_ candidate: Candidate, _ organization: OrganizationID) -> UInt64 {
    // FNV-1a over both, and the finaliser of SplitMix64, without which the last bytes hardly reach the high bits.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in organization.description.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    for byte in candidate.id.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    hash = (hash ^ (hash >> 30)) &* 0xbf58_476d_1ce4_e5b9
    hash = (hash ^ (hash >> 27)) &* 0x94d0_49bb_1331_11eb
    return hash ^ (hash >> 31)
  }
}
