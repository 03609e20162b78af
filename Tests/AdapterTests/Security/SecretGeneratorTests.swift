import Application
import Domain
import SystemSecurity
import Testing

@Suite("Secrets come from the system's random source")
struct SecretGeneratorTests {
  let generator = SystemSecretGenerator()

  @Test("SHA-256 is that of FIPS 180-4's examples, from an array and from any sequence of bytes")
  func digest() {
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    #expect(hex(generator.hash(Array("abc".utf8))) == expected)
    #expect(hex(generator.hash(AnySequence("abc".utf8))) == expected)
    #expect(
      hex(generator.hash([UInt8]())) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )
  }

  @Test("tokens differ, and each of the 62 characters is drawn about as often as the others")
  func tokens() {
    let tokens = (0..<2000).map { _ in generator.sessionToken().text }
    #expect(Set(tokens).count == 2000)
    var counts: [Character: Int] = [:]
    for character in tokens.joined() { counts[character, default: 0] += 1 }
    #expect(counts.count == 62)
    // Chi-squared with 61 degrees of freedom: above 140 in fewer than one of ten million fair runs. Bytes modulo 62
    // would give about 3,000: eight characters get 5/256 and the others 4/256.
    let expected = Double(2000 * SessionToken.length) / 62
    let statistic = counts.values.reduce(0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
    #expect(statistic < 140)
  }

  private func hex(_ hash: SecretHash) -> String {
    hash.bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }
}
