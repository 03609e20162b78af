import Foundation
import Testing

@testable import Settings

@Suite("Limits of chat, its tools, kept replies, MCP, models and telemetry are the operator's to say")
struct SettingEdgesTests {
  private typealias Edge = ExtractionSettingsTests.Edge

  private func load(_ values: [String: String]) throws -> ServerConfiguration {
    try ServerConfiguration.load(
      ConfigurationInputs(flags: values, environment: ["HOME": "/"], workingDirectory: "/nowhere"))
  }

  @Test(
    "a value at either edge is taken, and the next one beyond refused by its key",
    arguments: [
      Edge("chat.toolRounds", 0...16), Edge("chat.toolCalls", 1...32),
      Edge("chat.toolTimeout", 100...120_000, unit: "ms"), Edge("chat.toolResultBytes", 1024...(1 << 20)),
      Edge("quotas.toolRounds", 0...16), Edge("cache.responses.maximumBytes", 0...(64 << 30)),
      Edge("cache.responses.maximumEntryBytes", 1024...(64 << 20)),
      Edge("cache.responses.timeToLive", 1...2_592_000, unit: "s"), Edge("mcp.textBytes", 1024...(8 << 20)),
      Edge("telemetry.otlp.timeout", 100...60_000, unit: "ms"),
      Edge("telemetry.otlp.interval", 100...300_000, unit: "ms"), Edge("telemetry.otlp.queue", 512...1_048_576),
      Edge("telemetry.sampling", 0...100),
    ])
  func edges(_ edge: ExtractionSettingsTests.Edge) throws {
    for value in [edge.low, edge.high] {
      let configuration = try load([edge.key: value])
      let source = configuration.effectiveValues.first { $0.key == edge.key }?.source
      #expect(source == .flag(SettingsReader.flag(for: edge.key)))
    }
    for value in [edge.below, edge.above] {
      let failure = #expect(throws: ConfigurationFailure.self) { try load([edge.key: value]) }
      #expect(failure?.description.hasPrefix("\(edge.key) cannot be \"\(value)\"") == true)
    }
  }

  @Test("nothing said leaves tools, kept replies and traces off")
  func defaults() throws {
    let configuration = try load(["port": "0"])
    #expect(configuration.chat.toolRounds == 0)
    #expect(configuration.responseCache == nil)
    #expect(configuration.telemetry.endpoint == nil && configuration.telemetry.headers.isEmpty)
    #expect(configuration.telemetry.sampling == 100 && configuration.telemetry.queue == 2_048)
    #expect(configuration.egress.allowed.isEmpty && configuration.egress.privateHosts.isEmpty)
    #expect(try load(["cache.responses.maximumBytes": "1MiB"]).responseCache?.maximumBytes == 1 << 20)
  }

  @Test("headers for the collector are fields of HTTP, and secret")
  func headers() throws {
    let telemetry = try load(["telemetry.otlp.headers": "authorization=Basic a=b,x-team=wings"]).telemetry
    #expect(telemetry.headers.map(\.name) == ["authorization", "x-team"])
    #expect(telemetry.headers.map { $0.value.reveal() } == ["Basic a=b", "wings"])
    for wrong in ["a", "=b", "a=", "a b=c", "a:=c", "é=c", "a=\u{7}", "a=b,c"] {
      let failure = #expect(throws: ConfigurationFailure.self) { try load(["telemetry.otlp.headers": wrong]) }
      #expect(failure?.description.contains("telemetry.otlp.headers") == true)
    }
    let failure = #expect(throws: ConfigurationFailure.self) {
      try load(["telemetry.otlp.headers": "open-sesame:=very-secret"])
    }
    #expect(failure?.description.contains("very-secret") == false)
  }

  @Test("hosts of egress.private are written as those of egress.allow")
  func privateHosts() throws {
    let hosts = ["wiki.example:8443", "[::1]:80", "localhost"]
    #expect(try load(["egress.private": hosts.joined(separator: ",")]).egress.privateHosts == hosts)
    for wrong in ["http://x", "a:99999", "[::1", "*.example"] {
      #expect(throws: ConfigurationFailure.self) { try load(["egress.private": wrong]) }
    }
  }
}
