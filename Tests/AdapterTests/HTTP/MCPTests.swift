import HTTPTypes
import NIOHTTP1
import Testing

@testable import HTTPServer

/// What real clients do not show: `Tests/Clients/test_mcp.py` has the rest.
@Suite("The Model Context Protocol")
struct MCPTests {
  private static func head(_ authority: String?, origins: [String] = []) -> RequestHead {
    var request = HTTPRequest(method: .post, scheme: nil, authority: authority, path: "/mcp")
    for origin in origins { request.headerFields.append(HTTPField(name: .origin, value: origin)) }
    return RequestHead(request)
  }

  private static func isLetIn(_ access: MCPAccess, _ head: RequestHead) -> Bool {
    do {
      try access.check(head)
      return true
    } catch {
      return false
    }
  }

  @Test("a loopback address is called by its own names and those that are configured")
  func loopback() {
    for host in ["127.0.0.1", "localhost", "::1"] {
      let access = MCPAccess(host: host, hosts: ["Knowledge.Example.org"], origins: [])
      for name in ["127.0.0.1:8080", "LOCALHOST", "[::1]:8080", "knowledge.example.org:443"] {
        #expect(Self.isLetIn(access, Self.head(name)), "\(name)")
      }
      for name in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8080", "[::2]", "", nil] {
        #expect(!Self.isLetIn(access, Self.head(name)), "\(name ?? "none")")
      }
    }
  }

  @Test("another address is called by any name until some are configured")
  func elsewhere() {
    let open = MCPAccess(host: "0.0.0.0", hosts: [], origins: [])
    #expect(Self.isLetIn(open, Self.head("anything.example")))
    #expect(!Self.isLetIn(open, Self.head("anything.example", origins: ["https://evil.example"])))
    let named = MCPAccess(host: "10.0.0.1", hosts: ["knowledge.example.org"], origins: [])
    #expect(Self.isLetIn(named, Self.head("knowledge.example.org")))
    #expect(Self.isLetIn(named, Self.head("10.0.0.1:8080")))
    #expect(!Self.isLetIn(named, Self.head("evil.example")))
  }

  @Test("a page is let in from the server's own origin and those that are configured")
  func origins() {
    let access = MCPAccess(host: "127.0.0.1", hosts: [], origins: ["https://app.example.org"])
    for origin in ["http://localhost:8080", "https://localhost:8080", "https://app.example.org"] {
      #expect(Self.isLetIn(access, Self.head("localhost:8080", origins: [origin])), "\(origin)")
    }
    for origin in ["null", "", "http://localhost", "http://localhost:8081", "https://app.example.org.evil.example"] {
      #expect(!Self.isLetIn(access, Self.head("localhost:8080", origins: [origin])), "\(origin)")
    }
    #expect(
      !Self.isLetIn(access, Self.head("localhost:8080", origins: ["https://app.example.org", "https://evil.example"])))
    let any = MCPAccess(host: "127.0.0.1", hosts: [], origins: ["*"])
    #expect(Self.isLetIn(any, Self.head("localhost", origins: ["https://anything.example"])))
  }

  @Test(
    "an address of a document is read as it is written",
    arguments: [
      ("", 0), ("/revisions/00000000-0000-7000-8000-000000000002", 0), ("", 17),
      ("/revisions/00000000-0000-7000-8000-000000000002", 4_294_967_295),
    ])
  func addresses(revision: String, offset: Int) {
    let text =
      "opentier://documents/00000000-0000-7000-8000-000000000001" + revision
      + (offset > 0 ? "?startOffset=\(offset)" : "")
    let address = MCPDocumentAddress(text)
    #expect(address?.text == text)
    #expect(address?.startOffset == offset)
    #expect((address?.revisionID == nil) == revision.isEmpty)
  }

  @Test("pages of an allowed origin may call it, with its header fields")
  func preflight() async throws {
    try await ServerUnderTest.run(configure: { $0.allowedOrigins = ["https://app.example.org"] }) { server in
      let reply = try await server.ask(
        .OPTIONS, "/mcp", headers: [("origin", "https://app.example.org"), ("access-control-request-method", "POST")])
      #expect(reply.status == 204)
      let allowed = reply.headers.first(name: "access-control-allow-headers") ?? ""
      for name in ["Authorization", "MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"] {
        #expect(allowed.contains(name), "\(name)")
      }
    }
  }
}
