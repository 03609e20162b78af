import Application
import Domain
import Testing

@testable import SystemSecurity

@Suite("Passwords are hashed with bcrypt")
struct BcryptPasswordHasherTests {
  /// From Solar Designer's crypt_blowfish 1.3, `wrapper.c`: setting and hash for a password.
  static let vectors: [(password: String, hash: String)] = [
    ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
    ("U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
    ("", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"),
    (
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
      "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui"
    ),
  ]

  @Test("a known vector gives the published digest, as $2a$ and as $2b$", arguments: vectors)
  func vector(password: String, hash: String) throws {
    #expect(try Bcrypt.hash(password, setting: hash) == hash)
    let modern = "$2b$" + hash.dropFirst(4)
    #expect(try Bcrypt.hash(password, setting: String(modern.prefix(29))) == modern)
  }

  @Test("a hash is $2b$ of the configured cost with a salt of its own, and only its password fits it")
  func roundTrip() async throws {
    let hasher = try BcryptPasswordHasher(cost: 4, threadCount: 2)
    let password = try Password(new: "correct horse")
    let first = try await hasher.hash(password)
    let second = try await hasher.hash(password)
    #expect(first.text.hasPrefix("$2b$04$"))
    #expect(first.text.utf8.count == 60)
    #expect(first != second)
    #expect(try await hasher.verify(password, against: first))
    #expect(try await hasher.verify(password, against: second))
    #expect(try await hasher.verify(Password(new: "Correct horse"), against: first) == false)
  }

  @Test("all 72 bytes count, and characters beyond ASCII are their UTF-8 bytes")
  func allBytesCount() async throws {
    let hasher = try BcryptPasswordHasher(cost: 4, threadCount: 1)
    let long = String(repeating: "ü", count: 36)
    let hash = try await hasher.hash(Password(new: long))
    #expect(try await hasher.verify(Password(new: long), against: hash))
    #expect(try await hasher.verify(Password(new: String(repeating: "ü", count: 35) + "ö"), against: hash) == false)
  }

  @Test("without a hash the answer is no, after a hash of the same cost was computed")
  func decoy() async throws {
    let hasher = try BcryptPasswordHasher(cost: 5, threadCount: 1)
    #expect(try await hasher.verify(Password(new: "whatever it is"), against: nil) == false)
    let decoy = try #require(Mirror(reflecting: hasher).descendant("decoy") as? PasswordHash)
    #expect(Bcrypt.cost(of: decoy.text) == 5)
    let computed = try Bcrypt.hash("whatever it is", setting: decoy.text)
    #expect(computed.prefix(29) == decoy.text.prefix(29))
  }

  @Test(
    "a stored hash of another algorithm or of a cost out of bounds is refused, not computed",
    arguments: [
      "", "plain", "$1$salt$qJH7.N4xYta3aEG/dfqo/0", "$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
      "$2b$0x$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
    ]
  )
  func foreignHash(text: String) async throws {
    let hasher = try BcryptPasswordHasher(cost: 4, threadCount: 1)
    let password = try Password(new: "correct horse")
    await #expect(throws: HashingFailure.failed("the stored hash is no bcrypt hash of a cost between 4 and 15")) {
      try await hasher.verify(password, against: PasswordHash(text))
    }
  }

  @Test("every configured cost makes hashes of that cost", arguments: [4, 5, 8])
  func cost(_ cost: Int) async throws {
    let hash = try await BcryptPasswordHasher(cost: cost, threadCount: 1).hash(Password(new: "correct horse"))
    #expect(Bcrypt.cost(of: hash.text) == cost)
  }
}
