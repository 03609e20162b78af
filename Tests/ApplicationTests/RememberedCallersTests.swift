import Application
import Domain
import Foundation
import InMemoryStorage
import Testing

@Suite("Remembered callers")
struct RememberedCallersTests {
  private typealias Command = ManageAPIKeys.Command

  @Test("a caller is remembered for a second: what ends a key elsewhere holds behind it")
  func lifetime() async throws {
    let world = TestWorld()
    let ada = try await world.signUp("ada")
    let key = try await world.useCases.apiKeys.create(Command(name: "n"), ada)
    func resolve() async throws -> Principal { try await world.useCases.resolveCaller(token: key.secret.text) }
    _ = try await resolve()
    // As another replica does it.
    try await world.storage.apiKeys.delete(key.key.id, of: ada.owner)
    // Each reading of the clock is a millisecond later.
    world.clock.advance(0.997)
    #expect(try await resolve().userID == ada.userID)
    world.clock.advance(0.002)
    await #expect(throws: UseCaseFailure.self) { try await resolve() }
  }

  @Test("a clock that is put back has nobody remembered for longer")
  func backwards() async throws {
    let world = TestWorld()
    let ada = try await world.signUp("ada")
    let key = try await world.useCases.apiKeys.create(Command(name: "n"), ada)
    world.clock.advance(60)
    _ = try await world.useCases.resolveCaller(token: key.secret.text)
    try await world.storage.apiKeys.delete(key.key.id, of: ada.owner)
    world.clock.advance(-30)
    await #expect(throws: UseCaseFailure.self) { try await world.useCases.resolveCaller(token: key.secret.text) }
  }

  @Test("a key that expires within the second is refused when it does")
  func expiry() async throws {
    let world = TestWorld()
    let ada = try await world.signUp("ada")
    let key = try await world.useCases.apiKeys.create(
      Command(name: "n", expiresAt: world.clock.now.addingTimeInterval(0.5)), ada)
    world.clock.advance(0.4)
    _ = try await world.useCases.resolveCaller(token: key.secret.text)
    world.clock.advance(0.1)
    await #expect(throws: UseCaseFailure.self) { try await world.useCases.resolveCaller(token: key.secret.text) }
  }

  @Test("what ends a session, a key or an account here holds from the next request on")
  func endings() async throws {
    let world = TestWorld { $0.callerLifetime = 60 }
    let ada = try await world.signUp("ada")
    func signIn() async throws -> (token: String, caller: Principal) {
      let token = try await world.useCases.signIn(email: "bob@example.org", password: "correct horse").token.text
      return (token, try await world.useCases.resolveCaller(token: token))
    }
    _ = try await world.signUp("bob")
    let endings: [(String, (Principal) async throws -> Void)] = [
      ("sign out", { try await world.useCases.sessions.signOut($0) }),
      ("revoke", { try await world.useCases.sessions.revoke(#require($0.sessionID), $0) }),
      ("revoke all", { _ = try await world.useCases.sessions.revokeAll($0) }),
      ("grant", { _ in _ = try await world.useCases.accounts.grant(.contributor, toEmail: "bob@example.org", ada) }),
      ("delete", { try await world.useCases.accounts.deleteOwn($0) }),
    ]
    for (name, end) in endings {
      let (token, bob) = try await signIn()
      try await end(bob)
      await #expect(throws: UseCaseFailure.self, "\(name)") { try await world.useCases.resolveCaller(token: token) }
    }
    let key = try await world.useCases.apiKeys.create(Command(name: "n"), ada)
    _ = try await world.useCases.resolveCaller(token: key.secret.text)
    try await world.useCases.apiKeys.revoke(key.key.id, ada)
    await #expect(throws: UseCaseFailure.self) { try await world.useCases.resolveCaller(token: key.secret.text) }
  }

  @Test("0 s remembers nobody")
  func off() async throws {
    let world = TestWorld { $0.callerLifetime = 0 }
    let ada = try await world.signUp("ada")
    let key = try await world.useCases.apiKeys.create(Command(name: "n"), ada)
    _ = try await world.useCases.resolveCaller(token: key.secret.text)
    try await world.storage.apiKeys.delete(key.key.id, of: ada.owner)
    await #expect(throws: UseCaseFailure.self) { try await world.useCases.resolveCaller(token: key.secret.text) }
  }
}
