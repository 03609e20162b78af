package import CoreMetrics
import Synchronization

/// Collects what swift-metrics records and writes it in Prometheus' text format 0.0.4
/// (https://prometheus.io/docs/instrumenting/exposition_formats/).
///
/// Counters become counters, meters and recorders that do not aggregate gauges, aggregating recorders histograms, and
/// timers histograms in seconds whose names end in `_seconds`. Characters that the format does not allow in names
/// become underscores. A metric holds a limited number of label sets; what comes beyond is collected in one series
/// with `overflow="true"`, so that labels that a client chooses cannot fill the memory.
package final class PrometheusRegistry: MetricsFactory {
  /// The value of `Content-Type`.
  package static let contentType = "text/plain; version=0.0.4; charset=utf-8"
  /// The buckets of timers, in seconds.
  package static let secondsBuckets = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
  ]
  /// The buckets of aggregating recorders.
  package static let valueBuckets: [Double] = (0...10).map { Double(1 << (2 * $0)) }

  private let definitions: [String: MetricDefinition]
  private let maximumLabelSets: Int
  private let state = Mutex(State())

  private struct State {
    var families: [String: Family] = [:]
    var conflicts = 0
  }

  private struct Family {
    let type: MetricType
    var series: [Labels: any MetricSeries] = [:]
  }

  /// Makes a registry.
  ///
  /// - Parameters:
  ///   - definitions: help and buckets of metrics; metrics that are not defined have neither help nor buckets of
  ///     their own.
  ///   - maximumLabelSets: of each metric, besides the overflow.
  package init(definitions: [MetricDefinition] = [], maximumLabelSets: Int = 1000) {
    self.definitions = Dictionary(definitions.map { ($0.name, $0) }) { $1 }
    self.maximumLabelSets = maximumLabelSets
  }

  package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    series(label, dimensions, .counter) { _ in CounterSeries() }
  }

  package func makeFloatingPointCounter(
    label: String,
    dimensions: [(String, String)]
  ) -> any FloatingPointCounterHandler {
    series(label, dimensions, .counter) { _ in CounterSeries() }
  }

  package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    series(label, dimensions, .gauge) { _ in GaugeSeries() }
  }

  package func makeRecorder(
    label: String,
    dimensions: [(String, String)],
    aggregate: Bool
  ) -> any RecorderHandler {
    guard aggregate else { return series(label, dimensions, .gauge) { _ in GaugeSeries() } }
    return series(label, dimensions, .histogram) { HistogramSeries(bounds: $0?.buckets ?? Self.valueBuckets) }
  }

  package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    let label = label.hasSuffix("_seconds") ? label : label + "_seconds"
    return series(label, dimensions, .histogram) { HistogramSeries(bounds: $0?.buckets ?? Self.secondsBuckets) }
  }

  package func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
  package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }
  package func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
  package func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
  package func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

  /// Everything collected and the figures of the process, by name.
  package func exposition() -> String {
    let (families, conflicts) = state.withLock { ($0.families, $0.conflicts) }
    var text = ""
    for (name, family) in families.sorted(by: { $0.key < $1.key }) {
      text += header(name: name, help: definitions[name]?.help, type: family.type)
      for (labels, series) in family.series.sorted(by: { $0.key < $1.key }) {
        text += series.exposition(name: name, labels: labels)
      }
    }
    text += header(
      name: "telemetry_conflicting_metrics_total",
      help: "Attempts to use the name of a metric for one of another type; what they record is lost.",
      type: .counter
    )
    text += "telemetry_conflicting_metrics_total \(conflicts)\n"
    for figure in ProcessFigure.current() {
      text += header(name: figure.name, help: figure.help, type: figure.type)
      text += figure.name + " " + sampleText(figure.value) + "\n"
    }
    return text
  }

  /// The series of a name and labels, made when it is not there. A name that another type has got already gives a
  /// series that is not exposed.
  private func series<Series: MetricSeries>(
    _ label: String,
    _ dimensions: [(String, String)],
    _ type: MetricType,
    make: (MetricDefinition?) -> Series
  ) -> Series {
    let name = Labels.validName(label, allowsColon: true)
    let labels = Labels(dimensions, reserved: type == .histogram ? "le" : nil)
    return state.withLock { state in
      var family = state.families[name] ?? Family(type: type)
      let isKnown = family.series[labels] != nil
      let count = family.series.count - (family.series[.overflow] == nil ? 0 : 1)
      let key = isKnown || count < maximumLabelSets ? labels : .overflow
      if let existing = family.series[key] {
        if let series = existing as? Series { return series }
        state.conflicts += 1
        return make(definitions[name])
      }
      guard family.type == type else {
        state.conflicts += 1
        return make(definitions[name])
      }
      let series = make(definitions[name])
      family.series[key] = series
      state.families[name] = family
      return series
    }
  }

  private func remove(_ handler: AnyObject) {
    state.withLock { state in
      for (name, family) in state.families {
        guard let labels = family.series.first(where: { $0.value === handler })?.key else { continue }
        state.families[name]?.series[labels] = nil
        return
      }
    }
  }

  private func header(name: String, help: String?, type: MetricType) -> String {
    let escaped = help.map { help in
      String(help.flatMap { $0 == "\\" ? "\\\\" : $0 == "\n" ? "\\n" : String($0) })
    }
    return (escaped.map { "# HELP \(name) \($0)\n" } ?? "") + "# TYPE \(name) \(type.rawValue)\n"
  }
}

/// The types of the text format that this registry writes.
enum MetricType: String {
  case counter, gauge, histogram
}
