import Testing

@testable import LanguageModels

@Suite("The configuration of an OpenAI-compatible provider")
struct OpenAICompatibleConfigurationTests {
  private typealias Configuration = HTTPLanguageModel.Configuration

  @Test(
    "a base URL that is none is refused, with the setting's name and the accepted form",
    arguments: [
      "", "127.0.0.1:11434", "ftp://host/v1", "http://", "http://user:pw@host/v1", "http://host/v1?key=1",
      "http://host/v1#x", "http://host/a b", "/v1",
    ])
  func badURL(url: String) {
    #expect {
      try Configuration(name: "local", baseURL: url, model: "m")
    } throws: { error in
      "\(error)".hasPrefix("models.local: baseURL must be") && "\(error)".contains("http://127.0.0.1:11434/v1")
    }
  }

  @Test("slashes at the end of the base URL do not count")
  func slashes() throws {
    #expect(try Configuration(name: "a", baseURL: "http://[::1]:80/v1//", model: "m").baseURL == "http://[::1]:80/v1")
  }

  @Test("numbers out of their range are refused")
  func ranges() {
    var timeouts = Configuration.Timeouts()
    timeouts.gap = .zero
    #expect(throws: HTTPLanguageModel.InvalidConfiguration.self) {
      try Configuration(name: "a", baseURL: "http://a", model: "m", timeouts: timeouts)
    }
    for temperature in [-0.1, 2.1, .nan] {
      #expect(throws: HTTPLanguageModel.InvalidConfiguration.self) {
        try Configuration(name: "a", baseURL: "http://a", model: "m", temperature: temperature)
      }
    }
    #expect(throws: HTTPLanguageModel.InvalidConfiguration.self) {
      try Configuration(name: "a", baseURL: "http://a", model: "")
    }
  }

  @Test("no description of a configuration shows the key")
  func key() throws {
    let configuration = try Provider.configuration("http://127.0.0.1/v1")
    var dumped = ""
    dump(configuration, to: &dumped)
    for text in ["\(configuration)", String(reflecting: configuration), dumped] { #expect(!text.contains(secretKey)) }
    #expect(dumped.contains("test-model"))
  }

  @Test("a key that a header cannot carry is refused", arguments: ["", "a\r\nx: y", "a b", "schlüssel"])
  func badKey(key: String) { #expect(ProviderKey(key) == nil) }
}
