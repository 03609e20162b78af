import Domain
import Foundation
import Testing

@testable import Settings

@Suite("Configuration of what models take")
struct ModelProfileConfigurationTests {
  private func load(_ more: String, environment: [String: String] = [:]) throws -> ServerConfiguration {
    let folder = FileManager.default.temporaryDirectory.appending(path: "profiles-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let yaml = "models: { m: { provider: openai, baseURL: \"http://x/v1\", model: m\(more) } }\n"
    try Data(yaml.utf8).write(to: folder.appending(path: "opentier.yaml"))
    return try ServerConfiguration.load(
      ConfigurationInputs(
        flags: [:], configurationFile: nil,
        environment: environment.merging(["HOME": "/home/ada"]) { given, _ in given }, workingDirectory: folder.path))
  }

  private func profile(_ more: String, environment: [String: String] = [:]) throws -> ModelProfile? {
    try load(more, environment: environment).models.targets.first?.profile
  }

  @Test("a model of which nothing is said is unknown, and none of it is taken from another")
  func values() throws {
    #expect(try profile("") == .unknown)
    #expect(
      try profile(", contextWindow: 128000, maximumOutput: 16384, capabilities: [tools, json]")
        == ModelProfile(contextWindow: 128_000, maximumOutput: 16_384, capabilities: [.tools, .json]))
    #expect(
      try profile(", contextWindow: 8, maximumOutput: 8")
        == ModelProfile(contextWindow: 8, maximumOutput: 8, capabilities: nil))
    #expect(try profile(", capabilities: []")?.capabilities == [])
    #expect(
      try profile("", environment: ["OPENTIER_MODELS_M_CONTEXT_WINDOW": "9"])
        == ModelProfile(contextWindow: 9, maximumOutput: nil, capabilities: nil))
  }

  @Test(
    "what is no profile stops the start, with the key and what is accepted",
    arguments: [
      (", contextWindow: 0", "models.m.contextWindow cannot be \"0\"", "from 1 to"),
      (", maximumOutput: 0", "models.m.maximumOutput cannot be \"0\"", "from 1 to"),
      (", contextWindow: many", "models.m.contextWindow", "from 1 to"),
      (", contextWindow: 8, maximumOutput: 9", "models.m.maximumOutput cannot be 9", "at most the contextWindow, 8"),
      (", capabilities: [tools, telepathy]", "models.m.capabilities", "tools, images, json"),
    ])
  func refusals(more: String, key: String, accepted: String) throws {
    do {
      _ = try load(more)
      Issue.record("\(more) was taken")
    } catch let failure as ConfigurationFailure {
      #expect(failure.description.contains(key) && failure.description.contains(accepted), "\(failure)")
      #expect(failure.description.contains("opentier.yaml"))
    }
  }
}
