import Domain
import Testing

@Suite("Addresses of the network and where they lead")
struct NetworkAddressTests {
  @Test(
    "each range leads where IANA's registries say",
    arguments: [
      ("8.8.8.8", .global), ("1.1.1.1", .global), ("126.255.255.255", .global), ("128.0.0.1", .global),
      ("127.0.0.1", .loopback), ("127.255.255.255", .loopback),
      ("10.0.0.0", .privateUse), ("10.255.255.255", .privateUse), ("11.0.0.0", .global), ("9.255.255.255", .global),
      ("172.15.255.255", .global), ("172.16.0.0", .privateUse), ("172.31.255.255", .privateUse),
      ("172.32.0.0", .global), ("192.167.255.255", .global), ("192.168.0.0", .privateUse),
      ("192.168.255.255", .privateUse), ("192.169.0.0", .global),
      ("100.63.255.255", .global), ("100.64.0.0", .privateUse), ("100.127.255.255", .privateUse),
      ("100.128.0.0", .global),
      ("169.254.0.0", .linkLocal), ("169.254.255.255", .linkLocal), ("169.253.255.255", .global),
      ("169.255.0.0", .global),
      ("0.0.0.0", .special), ("0.255.255.255", .special), ("192.0.0.1", .special), ("192.0.2.1", .special),
      ("198.17.255.255", .global), ("198.18.0.0", .special), ("198.19.255.255", .special), ("198.20.0.0", .global),
      ("198.51.100.7", .special), ("203.0.113.7", .special), ("192.88.99.1", .special),
      ("223.255.255.255", .global), ("224.0.0.1", .special), ("239.255.255.255", .special), ("240.0.0.1", .special),
      ("255.255.255.255", .special),
    ] as [(String, NetworkAddress.Reach)])
  func fourBytes(_ text: String, _ reach: NetworkAddress.Reach) throws {
    #expect(try #require(NetworkAddress(text)).reach == reach)
    #expect(NetworkAddress(text)?.description == text)
  }

  @Test(
    "the same of IPv6, and of what stands for an IPv4 address in it",
    arguments: [
      ("2606:4700:4700::1111", .global), ("2001:200::1", .global), ("3ffe::1", .global),
      ("::1", .loopback), ("::", .special), ("::2", .special), ("::127.0.0.1", .special),
      ("fc00::1", .privateUse), ("fdff::1", .privateUse), ("fec0::1", .privateUse), ("fe00::1", .special),
      ("fe80::1", .linkLocal), ("febf::1", .linkLocal), ("ff02::1", .special),
      ("2001:db8::1", .special), ("2001::1", .special), ("2001:1ff::1", .special), ("3fff:fff::1", .special),
      ("3fff:1000::1", .global), ("100::1", .special), ("4000::1", .special), ("64:ff9b:1::1", .special),
      ("::ffff:127.0.0.1", .loopback), ("::ffff:10.1.2.3", .privateUse), ("::ffff:8.8.8.8", .global),
      ("64:ff9b::192.168.1.1", .privateUse), ("64:ff9b::8.8.8.8", .global),
      ("2002:7f00:0001::", .loopback), ("2002:a9fe:a9fe::1", .metadata), ("2002:808:808::1", .global),
    ] as [(String, NetworkAddress.Reach)])
  func sixteenBytes(_ text: String, _ reach: NetworkAddress.Reach) throws {
    #expect(try #require(NetworkAddress(text)).reach == reach)
  }

  @Test(
    "a cloud's metadata service is told apart in whichever range it lies, and behind a mapped address",
    arguments: [
      "169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254",
      "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
    ])
  func metadata(_ text: String) throws { #expect(try #require(NetworkAddress(text)).reach == .metadata) }

  @Test(
    "other spellings are no addresses",
    arguments: [
      "", "127.1", "127.0.0", "127.0.0.1.1", "256.0.0.1", "+1.2.3.4", "0x7f.0.0.1", "1.2.3.", " 1.2.3.4", "1.2.3.4444",
      "::1%eth0", "[::1]", "1::2::3", "localhost",
    ])
  func malformed(_ text: String) { #expect(NetworkAddress(text) == nil) }

  @Test("bytes are taken in fours and sixteens alone")
  func bytes() {
    #expect(NetworkAddress(bytes: [127, 0, 0, 1]) == NetworkAddress("127.0.0.1"))
    #expect(NetworkAddress(bytes: [UInt8](repeating: 0, count: 15) + [1]) == NetworkAddress("::1"))
    for count in [0, 3, 5, 15, 17] { #expect(NetworkAddress(bytes: [UInt8](repeating: 1, count: count)) == nil) }
  }
}
