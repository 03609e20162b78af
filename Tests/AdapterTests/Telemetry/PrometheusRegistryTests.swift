import CoreMetrics
import Testing

@testable import Telemetry

@Suite("Metrics are exposed in Prometheus' text format")
struct PrometheusRegistryTests {
  private func lines(_ registry: PrometheusRegistry, of name: String) -> [String] {
    registry.exposition().split(separator: "\n").map(String.init).filter {
      $0.hasPrefix(name) || $0.hasPrefix("# HELP \(name) ") || $0.hasPrefix("# TYPE \(name) ")
    }
  }

  @Test("a counter has help, type and a line per label set, labels in the order of their names")
  func counter() {
    let registry = PrometheusRegistry(definitions: [
      MetricDefinition(name: "http_requests_total", help: "Requests\nby \\ status.")
    ])
    Counter(label: "http_requests_total", dimensions: [("status", "200"), ("method", "GET")], factory: registry)
      .increment(by: 3)
    Counter(label: "http_requests_total", dimensions: [("method", "GET"), ("status", "200")], factory: registry)
      .increment()
    Counter(label: "http_requests_total", dimensions: [("method", "PUT"), ("status", "200")], factory: registry)
      .increment()
    #expect(
      lines(registry, of: "http_requests_total") == [
        #"# HELP http_requests_total Requests\nby \\ status."#, "# TYPE http_requests_total counter",
        #"http_requests_total{method="GET",status="200"} 4"#, #"http_requests_total{method="PUT",status="200"} 1"#,
      ]
    )
  }

  @Test("counters of fractions add up, and steps that are negative or no number change nothing")
  func fractions() {
    let registry = PrometheusRegistry()
    let counter = FloatingPointCounter(label: "cost_total", factory: registry)
    for step in [0.25, 0.5, -1, .nan, .infinity] { counter.increment(by: step) }
    #expect(lines(registry, of: "cost_total").last == "cost_total 0.75")
  }

  @Test("meters and recorders that do not aggregate are gauges")
  func gauges() {
    let registry = PrometheusRegistry()
    let meter = Meter(label: "streams.open", factory: registry)
    meter.set(5)
    meter.increment(by: 2)
    meter.decrement(by: 4)
    Recorder(label: "ratio", dimensions: [], aggregate: false, factory: registry).record(-0.5)
    #expect(lines(registry, of: "streams_open") == ["# TYPE streams_open gauge", "streams_open 3"])
    #expect(lines(registry, of: "ratio") == ["# TYPE ratio gauge", "ratio -0.5"])
  }

  @Test("a timer is a histogram in seconds: cumulative buckets whose bounds are inclusive, sum and count")
  func timer() {
    let registry = PrometheusRegistry(definitions: [
      MetricDefinition(name: "answer_seconds", help: "Time to answer.", buckets: [0.1, 0.5, 1])
    ])
    let timer = CoreMetrics.Timer(label: "answer", dimensions: [("route", "/")], factory: registry)
    for milliseconds in [50, 100, 101, 600, 2000] { timer.recordMilliseconds(milliseconds) }
    #expect(
      lines(registry, of: "answer_seconds") == [
        "# HELP answer_seconds Time to answer.", "# TYPE answer_seconds histogram",
        #"answer_seconds_bucket{route="/",le="0.1"} 2"#, #"answer_seconds_bucket{route="/",le="0.5"} 3"#,
        #"answer_seconds_bucket{route="/",le="1"} 4"#, #"answer_seconds_bucket{route="/",le="+Inf"} 5"#,
        #"answer_seconds_sum{route="/"} 2.851"#, #"answer_seconds_count{route="/"} 5"#,
      ]
    )
  }

  @Test("a histogram keeps its own label apart from one of the same name, and ignores what is no number")
  func reservedLabel() {
    let registry = PrometheusRegistry(definitions: [MetricDefinition(name: "size", help: "", buckets: [1])])
    let recorder = Recorder(label: "size", dimensions: [("le", "x")], factory: registry)
    recorder.record(Double.nan)
    recorder.record(2)
    #expect(
      lines(registry, of: "size").suffix(4) == [
        #"size_bucket{exported_le="x",le="1"} 0"#, #"size_bucket{exported_le="x",le="+Inf"} 1"#,
        #"size_sum{exported_le="x"} 2"#, #"size_count{exported_le="x"} 1"#,
      ]
    )
  }

  @Test("names become valid and label values are escaped")
  func names() {
    let registry = PrometheusRegistry()
    Counter(
      label: "2.http-requests:ä",
      dimensions: [("9 über:x", "a\\b\n\"c\" é")],
      factory: registry
    ).increment()
    #expect(lines(registry, of: "_2_http_requests:_").last == #"_2_http_requests:_{_9__ber_x="a\\b\n\"c\" é"} 1"#)
  }

  @Test("label sets beyond the limit share one series, and those that are there go on")
  func cardinality() {
    let registry = PrometheusRegistry(maximumLabelSets: 2)
    func count(_ user: String) {
      Counter(label: "logins_total", dimensions: [("user", user)], factory: registry).increment()
    }
    for user in ["a", "b", "c", "d", "a"] { count(user) }
    #expect(
      lines(registry, of: "logins_total") == [
        "# TYPE logins_total counter", #"logins_total{overflow="true"} 2"#, #"logins_total{user="a"} 2"#,
        #"logins_total{user="b"} 1"#,
      ]
    )
  }

  @Test("a destroyed series is gone and makes room")
  func destroy() {
    let registry = PrometheusRegistry(maximumLabelSets: 1)
    let first = Counter(label: "c_total", dimensions: [("k", "1")], factory: registry)
    first.increment()
    first.destroy()
    Counter(label: "c_total", dimensions: [("k", "2")], factory: registry).increment()
    #expect(lines(registry, of: "c_total") == ["# TYPE c_total counter", #"c_total{k="2"} 1"#])
  }

  @Test("a name that another type has already is counted as a conflict and not exposed twice")
  func conflict() {
    let registry = PrometheusRegistry()
    Counter(label: "same", factory: registry).increment()
    Meter(label: "same", factory: registry).set(7)
    Recorder(label: "same", dimensions: [("k", "v")], aggregate: true, factory: registry).record(7)
    #expect(lines(registry, of: "same") == ["# TYPE same counter", "same 1"])
    #expect(lines(registry, of: "telemetry_conflicting").last == "telemetry_conflicting_metrics_total 2")
  }

  @Test("steps from many tasks are all counted")
  func concurrent() async {
    let registry = PrometheusRegistry()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          for _ in 0..<1000 { Counter(label: "n_total", dimensions: [("k", "v")], factory: registry).increment() }
        }
      }
    }
    #expect(lines(registry, of: "n_total").last == #"n_total{k="v"} 8000"#)
  }

  @Test("the process's own figures are there and plausible")
  func process() throws {
    let figures = Dictionary(uniqueKeysWithValues: ProcessFigure.current().map { ($0.name, $0.value) })
    #expect(try #require(figures["process_resident_memory_bytes"]) > 1_000_000)
    #expect(try #require(figures["process_cpu_seconds_total"]) > 0)
    #expect(try #require(figures["process_open_fds"]) >= 3)
    // After 2020-01-01: not ticks, not the machine's uptime.
    #expect(try #require(figures["process_start_time_seconds"]) > 1_577_836_800)
  }

  @Test("numbers are written as the format's readers take them")
  func numbers() {
    #expect(
      [0, 1, -2, 0.1, 1e21, 1e-7, .infinity, -.infinity, .nan].map(sampleText) == [
        "0", "1", "-2", "0.1", "1e+21", "1e-07", "+Inf", "-Inf", "NaN",
      ]
    )
  }
}
