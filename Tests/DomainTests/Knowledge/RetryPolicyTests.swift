import Domain
import Testing

@Suite("Retry policy")
struct RetryPolicyTests {
  let policy = RetryPolicy(maximumAttempts: 6, firstDelay: 1, maximumDelay: 5)

  @Test("the delay doubles up to the longest one, and ends with the last attempt")
  func delays() {
    #expect((1...6).map { policy.delay(afterAttempts: $0, jitter: 0) } == [1, 2, 4, 5, 5, nil])
  }

  @Test("jitter takes off up to a quarter")
  func jitter() {
    #expect(policy.delay(afterAttempts: 3, jitter: 1) == 3)
    #expect(policy.delay(afterAttempts: 3, jitter: 7) == 3)
    #expect(policy.delay(afterAttempts: 3, jitter: -1) == 4)
  }
}
