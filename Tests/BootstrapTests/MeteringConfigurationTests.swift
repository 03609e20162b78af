import Domain
import Foundation
import Testing

@testable import Settings

@Suite("Configuration of quotas, budgets and prices")
struct MeteringConfigurationTests {
  private func load(_ yaml: String, environment: [String: String] = [:]) throws -> ServerConfiguration {
    let folder = FileManager.default.temporaryDirectory.appending(path: "metering-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data(yaml.utf8).write(to: folder.appending(path: "opentier.yaml"))
    return try ServerConfiguration.load(
      ConfigurationInputs(
        flags: [:], configurationFile: nil,
        environment: environment.merging(["HOME": "/home/ada"]) { given, _ in given }, workingDirectory: folder.path))
  }

  @Test("only the production profile limits anything by itself")
  func profiles() throws {
    let quotas = try load("profile: production\ndatabaseURL: postgres://localhost/x\n").quotas
    #expect(quotas.user.requestsPerMinute == 100)
    #expect(quotas.user.burst == 100)
    #expect(quotas.user.concurrentStreams == 5)
    #expect(quotas.user.tokensPerDay == 100_000)
    #expect(quotas.firstDayRequests == 10)
    #expect(quotas.apiKey.requestsPerMinute == nil && quotas.organization.tokensPerDay == nil)
    for profile in ["offline", "memory"] {
      let quotas = try load("profile: \(profile)\n").quotas
      #expect(quotas.user.requestsPerMinute == nil && quotas.user.concurrentStreams == nil)
      #expect(quotas.user.tokensPerDay == nil && quotas.firstDayRequests == nil)
    }
  }

  @Test("0 lifts a limit, and the environment wins over the file")
  func lifting() throws {
    let configuration = try load(
      "profile: production\ndatabaseURL: postgres://localhost/x\nquotas: { user: { tokensPerDay: 0, burst: 7 } }\n",
      environment: ["OPENTIER_QUOTAS_USER_REQUESTS_PER_MINUTE": "3"])
    #expect(configuration.quotas.user.tokensPerDay == nil)
    #expect(configuration.quotas.user.requestsPerMinute == 3)
    #expect(configuration.quotas.user.burst == 7)
    #expect(configuration.warnings.isEmpty)
  }

  @Test("the rules of budgets are 70, 85, 95 and 110 % unless said")
  func budgets() throws {
    let standard = try load("{}\n").budgets
    #expect(standard.alerts == [70, 85, 95])
    #expect(standard.stop == 110)
    #expect(standard.currency == "USD")
    let own = try load("budgets: { currency: EUR, alerts: [\"90\", \"50\"], stop: 100 }\n").budgets
    #expect(own.alerts == [50, 90])
    #expect(own.stop == 100)
    #expect(own.currency == "EUR")
  }

  @Test("a price is read to the millionth, and one that is none is refused by its key")
  func prices() throws {
    let model = "models: { m: { provider: openai, baseURL: \"http://x/v1\", model: m"
    let priced = try load("\(model), promptPrice: \"2.50\", completionPrice: \"0.000001\" } }\n")
    #expect(priced.models.targets.first?.price == TokenPrice(prompt: 2_500_000, completion: 1))
    #expect(try load("\(model), promptPrice: \"1\" } }\n").models.targets.first?.price?.completion == 0)
    #expect(try load("\(model) } }\n").models.targets.first?.price == nil)
    for price in ["-1", "2,50", "1.0000001", "free"] {
      #expect(throws: ConfigurationFailure.self) { try load("\(model), completionPrice: \"\(price)\" } }\n") }
    }
  }

  @Test("an endpoint that embeds has a price in the same form, and none unless said")
  func embeddingPrices() throws {
    let endpoint = "embedding: { endpoints: { e: { baseURL: \"http://x/v1\", model: m, dimensions: 8"
    let priced = try load("\(endpoint), price: \"0.02\" } } }\n").embedding.endpoints.first
    #expect(priced?.price == TokenPrice(prompt: 20_000, completion: 0))
    #expect(try load("\(endpoint) } } }\n").embedding.endpoints.first?.price == nil)
    for price in ["-1", "0.0000001", "free"] {
      let failure = #expect(throws: ConfigurationFailure.self) {
        try load("\(endpoint), price: \"\(price)\" } } }\n")
      }
      #expect(failure?.description.contains("embedding.endpoints.e.price") == true)
    }
  }

  @Test(
    "what is out of its range is refused",
    arguments: [
      "quotas: { user: { requestsPerMinute: -1 } }", "quotas: { user: { burst: 0 } }", "quotas: { lease: 2s }",
      "quotas: { replyTokens: 0 }", "budgets: { stop: 99 }", "budgets: { currency: euro }",
      "budgets: { alerts: [\"101\"] }", "budgets: { alerts: [\"70\", \"70\"] }", "quotas: { user: { tokens: 1 } }",
    ])
  func refused(_ yaml: String) throws {
    #expect(throws: ConfigurationFailure.self) { try load(yaml + "\n") }
  }
}
