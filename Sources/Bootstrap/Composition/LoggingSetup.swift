import Instrumentation
import Logging
import Metrics
import Settings
import Telemetry

/// Sets up logs, metrics and traces, once for the process.
enum Observability {
  /// What the server's own metrics mean.
  static let definitions = [
    MetricDefinition(
      name: "http_server_request_duration_seconds", help: "Time to answer a request, by method, route and status.",
      buckets: PrometheusRegistry.secondsBuckets),
    MetricDefinition(
      name: "grpc_request_duration_seconds", help: "Time from a call to its status, by method and code.",
      buckets: PrometheusRegistry.secondsBuckets),
    MetricDefinition(name: "grpc_request_total", help: "Calls, by method and code."),
    MetricDefinition(name: "grpc_active_streams", help: "Calls that are open."),
    MetricDefinition(
      name: "ai_first_token_duration_ms", help: "Time from a model's call to its first text, by model.",
      buckets: milliseconds),
    MetricDefinition(
      name: "ai_inter_token_duration_ms", help: "Time from one part of a reply to the next, by model.",
      buckets: milliseconds),
    MetricDefinition(
      name: "ai_tokens_per_second", help: "Tokens a second from a reply's first text to its end, by model.",
      buckets: [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000]),
    MetricDefinition(
      name: "ai_tokens_total", help: "Tokens that settled calls used, by model, organisation and kind."),
    MetricDefinition(
      name: "ai_cost_total", help: "What settled calls cost, in the price list's currency, by model and organisation."),
    MetricDefinition(name: "telemetry_spans_exported_total", help: "Spans that the collector has taken."),
    MetricDefinition(name: "telemetry_spans_lost_total", help: "Spans that could not be sent."),
    MetricDefinition(name: "ingestion_jobs_total", help: "Attempts at ingestion jobs, by outcome."),
    MetricDefinition(name: "ingestion_chunks_total", help: "Chunks of published revisions."),
    MetricDefinition(
      name: "ingestion_dead_letters",
      help: "Jobs of the whole deployment that have failed for good and wait for a retry."),
    MetricDefinition(
      name: "ingestion_dead_letters_oldest_seconds",
      help: "How long ago the job failed that has waited longest for a retry; 0 when none waits."),
  ]

  private static let milliseconds: [Double] = [
    0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000,
  ]

  /// What ``start(_:)`` has set up.
  struct Started {
    let logger: Logger
    let metrics: PrometheusRegistry
    /// The spans that are to be exported; `nil` where none are recorded.
    let spans: SpanBuffer?
  }

  /// For the server: logs to standard error, metrics for `/metrics`, W3C trace context, and spans where a collector is
  /// configured.
  static func start(_ configuration: ServerConfiguration) -> Started {
    let metrics = PrometheusRegistry(definitions: definitions, maximumLabelSets: configuration.maximumLabelSets)
    MetricsSystem.bootstrap(metrics)
    var spans: SpanBuffer?
    if configuration.telemetry.endpoint != nil {
      let buffer = SpanBuffer(capacity: configuration.telemetry.queue)
      let ratio = Double(configuration.telemetry.sampling) / 100
      InstrumentationSystem.bootstrap(ExportingTracer(ratio: ratio) { buffer.add($0) })
      SpanRecording.begin()
      spans = buffer
    } else {
      InstrumentationSystem.bootstrap(W3CInstrument())
    }
    return Started(logger: startLogging(configuration, level: level(configuration)), metrics: metrics, spans: spans)
  }

  /// For the other commands: only what goes wrong is logged, unless a level was asked for.
  static func startForCommand(_ configuration: ServerConfiguration) -> Logger {
    let isDefault = configuration.effectiveValues.first { $0.key == "log.level" }?.source == .default
    return startLogging(configuration, level: isDefault ? .error : level(configuration))
  }

  private static func startLogging(_ configuration: ServerConfiguration, level: Logger.Level) -> Logger {
    let output = DescriptorLogOutput()
    let isText =
      switch configuration.logFormat {
      case .text: true
      case .json: false
      case .auto: output.isTerminal
      }
    let isColoured = Terminal.standard.allowsColour && output.isTerminal
    LoggingSystem.bootstrap(
      { label, provider in
        if isText {
          var handler = TextLogHandler(
            label: label, output: output, isColored: isColoured, metadataProvider: provider)
          handler.logLevel = level
          return handler
        }
        var handler = JSONLogHandler(label: label, service: "opentier", output: output, metadataProvider: provider)
        handler.logLevel = level
        return handler
      }, metadataProvider: ContextMetadata.provider)
    return Logger(label: "opentier")
  }

  private static func level(_ configuration: ServerConfiguration) -> Logger.Level {
    switch configuration.logLevel {
    case .trace: .trace
    case .debug: .debug
    case .info: .info
    case .notice: .notice
    case .warning: .warning
    case .error: .error
    case .critical: .critical
    }
  }
}
