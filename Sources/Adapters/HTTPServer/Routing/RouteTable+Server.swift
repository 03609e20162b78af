import Contract
import FoundationEssentials
import NIOCore

extension RouteTable {
  /// All paths of a server.
  init(
    services: ContractServices, readiness: [ReadinessCheck], metricsText: @escaping @Sendable () async -> String,
    version: String, files: [(path: String, data: Data)]
  ) {
    self.init(readiness: readiness, metricsText: metricsText)
    for binding in services.bindings {
      add(binding.verb.rawValue, ContractServices.restPrefix + binding.path, .rest(binding))
      add("POST", binding.procedurePath, .procedure(binding))
      if binding.isSideEffectFree, !binding.isStreaming { add("GET", binding.procedurePath, .query(binding)) }
    }
    for operation in OpenAIOperation.allCases { add(operation.verb, operation.path, .openAI(operation)) }
    add("POST", MCPProtocol.path, .mcp)
    let document = Array(
      OpenAPIDocument(services.bindings, prefix: ContractServices.restPrefix, version: version).json.utf8)
    add("GET", "/openapi.json", .endpoint { _ in Answer(json: document) })
    for file in StaticFiles(files).routes { add("GET", file.path, .endpoint(file.endpoint)) }
  }

  /// The paths of a server that is not public: its probes and its metrics.
  init(readiness: [ReadinessCheck], metricsText: @escaping @Sendable () async -> String) {
    self.init()
    add("GET", "/healthz", .endpoint { _ in Probes.health() })
    add("GET", "/readyz", .endpoint { _ in await Probes.readiness(readiness) })
    add(
      "GET", "/metrics",
      .endpoint { _ in
        await Answer(type: "text/plain; version=0.0.4; charset=utf-8", body: ByteBuffer(string: metricsText()))
      })
  }
}
