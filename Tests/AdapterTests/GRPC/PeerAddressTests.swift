import Testing

@testable import GRPCServer

struct PeerAddressTests {
  @Test(
    "a peer's address is told without its port",
    arguments: [
      ("ipv4:127.0.0.1:31415", "127.0.0.1"), ("ipv6:[::1]:443", "::1"), ("unix:/run/x", nil), ("<unknown>", nil),
      ("ipv4:", nil), ("", nil),
    ] as [(String, String?)])
  func hosts(peer: String, host: String?) { #expect(PeerAddress.host(of: peer) == host) }
}
