import Testing

@testable import Domain

@Suite("The rules of routing to models")
struct RoutingRulesTests {
  private func breaker() -> CircuitBreaker {
    var settings = CircuitBreaker.Settings()
    settings.threshold = 3
    settings.openTime = .seconds(30)
    return CircuitBreaker(settings)
  }

  @Test("a breaker opens after so many failures in a row, and a success in between counts them anew")
  func opens() {
    var breaker = breaker()
    for _ in 0..<2 { breaker.fail(at: .zero) }
    breaker.succeed()
    for _ in 0..<2 { breaker.fail(at: .zero) }
    #expect(breaker.admit(at: .zero) == .passes)
    breaker.fail(at: .seconds(1))
    #expect(breaker.admit(at: .seconds(2)) == .waits(.seconds(29)))
  }

  @Test("a half-open breaker lets one call through, whose end decides")
  func halfOpen() {
    for succeeds in [true, false] {
      var breaker = breaker()
      for _ in 0..<3 { breaker.fail(at: .zero) }
      #expect(breaker.admit(at: .seconds(30)) == .probes)
      #expect(breaker.admit(at: .seconds(30)) == .waits(.seconds(1)))
      if succeeds { breaker.succeed() } else { breaker.fail(at: .seconds(31)) }
      #expect(breaker.admit(at: .seconds(32)) == (succeeds ? .passes : .waits(.seconds(29))))
    }
  }

  @Test("a probe that is cancelled leaves its turn to the next call")
  func abandoned() {
    var breaker = breaker()
    for _ in 0..<3 { breaker.fail(at: .zero) }
    #expect(breaker.admit(at: .seconds(30)) == .probes)
    breaker.abandon(at: .seconds(31))
    #expect(breaker.admit(at: .seconds(31)) == .probes)
  }

  @Test("a target that asks for a rest is left alone until it is over, though its breaker is closed")
  func rest() {
    var breaker = breaker()
    breaker.rest(for: .seconds(60), at: .seconds(1))
    breaker.rest(for: .seconds(2), at: .seconds(1))
    #expect(breaker.admit(at: .seconds(60)) == .waits(.seconds(1)))
    #expect(breaker.admit(at: .seconds(61)) == .passes)
  }

  @Test("waits double up to the longest, and half of each is by chance")
  func backOff() {
    let backOff = BackOff()
    #expect(backOff.wait(after: 0, random: 0) == .milliseconds(125))
    #expect(backOff.wait(after: 1, random: 0) == .milliseconds(250))
    #expect(backOff.wait(after: 2, random: 0.5) == .milliseconds(750))
    #expect(backOff.wait(after: 99, random: 0) == .seconds(4))
  }

  @Test("a provider's own time holds, unless nobody would wait for it")
  func retryAfter() {
    let backOff = BackOff()
    #expect(backOff.wait(after: 0, notBefore: .seconds(7), random: 0.9) == .seconds(7))
    #expect(backOff.wait(after: 0, notBefore: .seconds(16), random: 0) == nil)
  }

  @Test("targets come as listed, or by lot with the likelihood of their weights")
  func order() {
    #expect(TargetOrder.listed.places(of: 3) { 0.9 } == [0, 1, 2])
    #expect(TargetOrder.weighted([1, 3]).places(of: 2) { 0.24 } == [0, 1])
    #expect(TargetOrder.weighted([1, 3]).places(of: 2) { 0.26 } == [1, 0])
    #expect(TargetOrder.weighted([0, 0, 1]).places(of: 3) { 0 } == [2, 0, 1])
  }

  @Test("prices are exact, rounded up at the end alone")
  func price() throws {
    let price = try #require(TokenPrice(prompt: 2_500_000, completion: 10_000_000))
    #expect(price.cost(of: TokenUsage(promptTokens: 1_000, completionTokens: 100)) == 3_500)
    #expect(price.cost(of: TokenUsage(promptTokens: 1, completionTokens: 0)) == 3)
    #expect(price.cost(of: TokenUsage(promptTokens: .max, completionTokens: 0)) == nil)
    #expect(TokenPrice(prompt: -1, completion: 0) == nil)
    #expect(TokenPrice.millionths("2.5") == 2_500_000)
    #expect(TokenPrice.millionths("0.075") == 75_000)
    for text in ["", ".5", "1.", "1.1234567", "-1", "1e3", "1,5"] { #expect(TokenPrice.millionths(text) == nil) }
  }
}
