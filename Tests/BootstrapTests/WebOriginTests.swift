import Testing

@testable import Settings

struct WebOriginTests {
  @Test(
    "an origin that a browser can send is taken",
    arguments: [
      "*", "https://app.example.org", "http://localhost:3000", "http://127.0.0.1:8080", "http://[::1]:5173",
      "https://a-b_c.example.org:8443", "chrome-extension://abcdefgh", "capacitor://localhost", "http://h:443",
    ])
  func taken(text: String) { #expect(WebOrigin.isOrigin(text)) }

  @Test(
    "what no browser sends is refused, for it would never match",
    arguments: [
      "", "null", "app.example.org", "https://", "https://app.example.org/", "https://App.example.org",
      "HTTPS://app.example.org", "https://app.example.org:443", "http://app.example.org:80", "http://h:0", "http://h:",
      "http://h:65536", "http://h:08", "http://h:+1", "https://u@h", "https://h?x", "https://h#x",
      "https://*.example.org",
      "http://[::1", "http://[]", "http://[::1]x", "//h", "http:/h", "https://h h", "https://bücher.example",
    ])
  func refused(text: String) { #expect(!WebOrigin.isOrigin(text)) }
}
