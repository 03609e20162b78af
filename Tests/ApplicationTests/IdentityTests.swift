import Application
import Domain
import Testing

@Suite("Identity")
struct IdentityTests {
  let world = TestWorld()

  @Test("the first account is the admin and the next ones are users")
  func firstIsAdmin() async throws {
    #expect(try await world.signUp("ada").role == .admin)
    #expect(try await world.signUp("bob").role == .user)
  }

  @Test("where the first account is not the admin, it is a user")
  func firstIsUser() async throws {
    let world = TestWorld { $0.firstAccountIsAdmin = false }
    #expect(try await world.signUp("ada").role == .user)
  }

  @Test(
    "sign-up refuses what breaks a rule, and stores nothing",
    arguments: [
      ("", "correct horse", "Ada"), ("no-at-sign", "correct horse", "Ada"), ("a@b@c", "correct horse", "Ada"),
      ("ada@example.org", "ninechars", "Ada"), ("ada@example.org", String(repeating: "ä", count: 37), "Ada"),
      ("ada@example.org", "with\u{0}null here", "Ada"), ("ada@example.org", "correct horse", "  "),
      ("ada@example.org", "correct horse", String(repeating: "n", count: 101)),
    ])
  func badInput(email: String, password: String, name: String) async throws {
    let failure = await #expect(throws: UseCaseFailure.self) {
      try await world.useCases.signUp(SignUp.Command(email: email, password: password, displayName: name))
    }
    guard case .invalid = failure else {
      Issue.record("\(String(describing: failure)) is not .invalid")
      return
    }
    #expect(try await world.signUp("ada").role == .admin)
  }

  @Test("limits hold at their edges: 10 characters, 72 bytes, 100 characters of name")
  func edges() async throws {
    _ = try await world.useCases.signUp(
      SignUp.Command(email: "a@x.org", password: "1234567890", displayName: String(repeating: "n", count: 100)))
    _ = try await world.useCases.signUp(
      SignUp.Command(email: "b@x.org", password: String(repeating: "ä", count: 36), displayName: "B"))
  }

  @Test("an address is taken whatever its case, and free again after the account is deleted")
  func addressTaken() async throws {
    let ada = try await world.signUp("ada")
    await #expect(throws: UseCaseFailure.alreadyExists("there is already an account for this email")) {
      try await world.useCases.signUp(
        SignUp.Command(email: " ADA@Example.org", password: "correct horse", displayName: "Ada"))
    }
    try await world.useCases.accounts.deleteOwn(ada)
    _ = try await world.signUp("ada")
  }

  @Test("a wrong password, an unknown address and an impossible password get the same answer")
  func signInFailures() async throws {
    _ = try await world.signUp("ada")
    for (email, password) in [
      ("ada@example.org", "wrong horse!"), ("eve@example.org", "correct horse"), ("nonsense", "correct horse"),
      ("ada@example.org", String(repeating: "x", count: 73)), ("ada@example.org", ""),
    ] {
      await #expect(throws: UseCaseFailure.unauthenticated("email or password is wrong")) {
        try await world.useCases.signIn(email: email, password: password)
      }
    }
    let signedIn = try await world.useCases.signIn(email: "ADA@example.org", password: "correct horse")
    #expect(signedIn.user.displayName == "Ada")
  }

  @Test("a session ends after 7 days, at sign-out, and when it is revoked")
  func sessionEnds() async throws {
    let ada = try await world.useCases.signUp(
      SignUp.Command(email: "ada@example.org", password: "correct horse", displayName: "Ada"))
    let second = try await world.useCases.signIn(email: "ada@example.org", password: "correct horse")
    let third = try await world.useCases.signIn(email: "ada@example.org", password: "correct horse")
    let principal = try await world.useCases.resolveSession(token: ada.token.text)
    #expect(try await world.useCases.sessions.list(principal).count == 3)
    try await world.useCases.sessions.revoke(second.session.id, principal)
    await #expect(throws: UseCaseFailure.self) { try await world.useCases.resolveSession(token: second.token.text) }
    try await world.useCases.sessions.signOut(principal)
    await #expect(throws: UseCaseFailure.self) { try await world.useCases.resolveSession(token: ada.token.text) }
    _ = try await world.useCases.resolveSession(token: third.token.text)
    world.clock.advance(Session.lifetime)
    await #expect(throws: UseCaseFailure.self) { try await world.useCases.resolveSession(token: third.token.text) }
  }

  @Test("a token that is forged or malformed is refused", arguments: ["", "short", String(repeating: "z", count: 64)])
  func forged(token: String) async throws {
    _ = try await world.signUp("ada")
    await #expect(throws: UseCaseFailure.self) { try await world.useCases.resolveSession(token: token) }
  }

  @Test("nobody ends another user's session")
  func foreignSession() async throws {
    let ada = try await world.signUp("ada")
    let bob = try await world.signUp("bob")
    let session = try required(ada.sessionID)
    await #expect(throws: UseCaseFailure.notFound("there is no such session")) {
      try await world.useCases.sessions.revoke(session, bob)
    }
    #expect(try await world.useCases.sessions.list(ada).count == 1)
  }

  @Test("granting a role ends the sessions that carry the old one, and only an admin may")
  func grant() async throws {
    let ada = try await world.signUp("ada")
    let bob = try await world.signUp("bob")
    await #expect(throws: UseCaseFailure.self) {
      try await world.useCases.accounts.grant(.admin, toEmail: "bob@example.org", bob)
    }
    _ = try await world.useCases.accounts.grant(.contributor, toEmail: "bob@example.org", ada)
    #expect(try await world.useCases.sessions.list(bob).isEmpty)
    await #expect(throws: UseCaseFailure.notFound("there is no such account")) {
      try await world.useCases.accounts.grant(.admin, toEmail: "eve@example.org", ada)
    }
  }

  @Test("a deleted account cannot sign in, and its sessions are over")
  func deleted() async throws {
    let signedIn = try await world.useCases.signUp(
      SignUp.Command(email: "ada@example.org", password: "correct horse", displayName: "Ada"))
    let ada = try await world.useCases.resolveSession(token: signedIn.token.text)
    try await world.useCases.accounts.deleteOwn(ada)
    await #expect(throws: UseCaseFailure.self) { try await world.useCases.resolveSession(token: signedIn.token.text) }
    await #expect(throws: UseCaseFailure.unauthenticated("email or password is wrong")) {
      try await world.useCases.signIn(email: "ada@example.org", password: "correct horse")
    }
  }
}
