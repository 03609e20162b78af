import Domain
import Egress
import Foundation
import Logging
import ServiceLifecycle
import Settings
import Telemetry

/// Sends spans to the collector of the configuration, over HTTP, until the server has stopped.
///
/// Source: the OTLP specification 1.x, "OTLP/HTTP".
struct SpanExportService: Service {
  private let configuration: ServerConfiguration
  private let buffer: SpanBuffer
  private let collector: HTTPPost
  private let logger: Logger

  /// Makes the service.
  ///
  /// - Throws: `CommandFailure` where the endpoint is no address.
  init(_ buffer: SpanBuffer, to endpoint: String, _ configuration: ServerConfiguration, logger: Logger) throws {
    self.buffer = buffer
    self.configuration = configuration
    self.logger = logger
    let own = [("content-type", "application/x-protobuf"), ("user-agent", "opentier/\(Version.current)")]
    let connections = try TLSFiles.egress(configuration)
    do throws(WebAddress.Malformed) {
      collector = try HTTPPost(
        to: endpoint + "/v1/traces",
        headers: own + configuration.telemetry.headers.map { ($0.name, $0.value.reveal()) },
        timeout: configuration.telemetry.timeout, connections: connections)
    } catch {
      throw CommandFailure(
        .usage, "telemetry.otlp.endpoint must be an address, such as http://127.0.0.1:4318: \(error.reason)")
    }
  }

  func run() async throws {
    var settings = SpanExport.Settings()
    settings.interval = configuration.telemetry.interval
    let resource = resource
    let export = SpanExport(buffer, settings: settings, logger: logger) { spans in
      OTLPTraceRequest.encode(spans, resource: resource, scope: ("opentier", Version.current))
    } send: { [self] message in
      await send(message)
    }
    await cancelWhenGracefulShutdown { await export.run() }
    try await collector.shutdown()
  }

  private var resource: [(key: String, value: String)] {
    let host = ProcessInfo.processInfo.hostName
    return [
      ("service.name", configuration.telemetry.serviceName), ("service.version", Version.current),
      ("service.instance.id", "\(host)-\(getpid())"), ("host.name", host), ("process.pid", "\(getpid())"),
      ("opentier.profile", configuration.profile.rawValue), ("opentier.role", configuration.role.rawValue),
      ("telemetry.sdk.language", "swift"), ("telemetry.sdk.name", "opentier"),
    ]
  }

  private func send(_ message: [UInt8]) async -> SpanExport.Answer {
    do {
      let answer = try await collector(message)
      switch answer.status {
      case 200..<300: return SpanExport.Answer(body: answer.body)
      case 429, 502, 503, 504: return .later("the collector answers \(answer.status)", after: answer.retryAfter)
      default: return .refused("the collector answers \(answer.status)")
      }
    } catch is RefusedAddress {
      return .refused("the collector is at an address that this server does not connect to")
    } catch {
      return .later("the collector cannot be reached", after: nil)
    }
  }
}
