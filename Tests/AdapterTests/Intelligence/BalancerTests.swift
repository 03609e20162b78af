import Domain
import FoundationEssentials
import Testing

@testable import IntelligenceClient

@Suite("Calls are shared among the processes by the policy")
struct BalancerTests {
  private static func candidates(_ count: Int) -> [Balancer.Candidate] {
    (0..<count).map { Balancer.Candidate(id: "10.0.0.\($0):9191") }
  }

  private static let organizations = (0..<2_000).map { _ in OrganizationID(UUID()) }

  @Test("nobody is chosen where nobody is", arguments: BalancingPolicy.allCases)
  func nobody(policy: BalancingPolicy) {
    var balancer = Balancer(policy)
    #expect(balancer.choose(among: [], for: Self.organizations[0]) == nil)
  }

  @Test("the only one is always chosen", arguments: BalancingPolicy.allCases)
  func one(policy: BalancingPolicy) {
    var balancer = Balancer(policy)
    for organization in Self.organizations.prefix(5) {
      #expect(balancer.choose(among: Self.candidates(1), for: organization) == 0)
    }
  }

  @Test("round robin gives each the same number of calls, one after the other")
  func roundRobin() {
    var balancer = Balancer(.roundRobin)
    let chosen = (0..<9).map { _ in balancer.choose(among: Self.candidates(3), for: nil) }
    for start in 0..<7 { #expect(Set(chosen[start..<start + 3]).count == 3) }
  }

  @Test("least connections takes who has the fewest calls, and equals take turns")
  func leastConnections() {
    var balancer = Balancer(.leastConnections)
    var candidates = Self.candidates(3)
    candidates[0].callsUnderWay = 2
    candidates[1].callsUnderWay = 1
    candidates[2].callsUnderWay = 1
    let chosen = (0..<4).map { _ in balancer.choose(among: candidates, for: nil) }
    #expect(Set(chosen) == [1, 2])
    candidates[2].callsUnderWay = 0
    #expect(balancer.choose(among: candidates, for: nil) == 2)
  }

  @Test("weights decide how often, and a heavy one's turns are spread")
  func weighted() {
    var balancer = Balancer(.weighted)
    var candidates = Self.candidates(3)
    candidates[0].weight = 5
    let chosen = (0..<70).compactMap { _ in balancer.choose(among: candidates, for: nil) }
    #expect([0, 1, 2].map { index in chosen.count { $0 == index } } == [50, 10, 10])
    // a a b a c a a: the source's own example.
    #expect(Array(chosen.prefix(7)) == [0, 0, 1, 0, 2, 0, 0])
  }

  @Test("an organisation's calls go to one process, and the organisations are spread")
  func organization() {
    var balancer = Balancer(.organization)
    let candidates = Self.candidates(4)
    var counts = [0, 0, 0, 0]
    for organization in Self.organizations {
      let first = balancer.choose(among: candidates, for: organization)
      #expect(balancer.choose(among: candidates, for: organization) == first)
      if let first { counts[first] += 1 }
    }
    // 500 each expected; six standard deviations are 116.
    for count in counts { #expect((384...616).contains(count)) }
  }

  @Test("when a process goes only its own organisations move, and they come back with it")
  func movement() {
    var balancer = Balancer(.organization)
    let all = Self.candidates(4)
    let fewer = Array(all.dropLast())
    for organization in Self.organizations {
      let before = balancer.choose(among: all, for: organization)
      let after = balancer.choose(among: fewer, for: organization)
      if before != 3 { #expect(after == before) }
      #expect(balancer.choose(among: all, for: organization) == before)
    }
  }

  @Test(
    "addresses are read by their form",
    arguments: [
      ("127.0.0.1:9191", IntelligenceAddress(host: "127.0.0.1", port: 9191)),
      ("brain.internal:1", IntelligenceAddress(host: "brain.internal", port: 1)),
      ("[::1]:65535;weight=1000", IntelligenceAddress(host: "::1", port: 65535, weight: 1000)),
      ("dns:brains:9191;weight=2", IntelligenceAddress(host: "brains", port: 9191, weight: 2, isResolved: true)),
    ])
  func addresses(text: String, expected: IntelligenceAddress) {
    #expect(IntelligenceAddress(text) == expected)
  }

  @Test(
    "what has not the form is no address",
    arguments: [
      "", "host", "host:", ":1", "host:0", "host:65536", "host:1;weight=0", "host:1;weight=1001", "host:1;w=1", "::1:9",
      "http://host:1", "ho st:1", "dns:host", "host:1;",
    ])
  func noAddresses(text: String) {
    #expect(IntelligenceAddress(text) == nil)
  }
}
