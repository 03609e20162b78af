import CoreMetrics
import Synchronization

/// One metric with one set of labels.
protocol MetricSeries: AnyObject, Sendable {
  /// Its lines of the text format, each with a line feed.
  func exposition(name: String, labels: Labels) -> String
}

/// A sum that only grows. Steps that are negative or no number are ignored.
final class CounterSeries: MetricSeries, CounterHandler, FloatingPointCounterHandler {
  private let total = Mutex(0.0)

  func increment(by amount: Int64) { increment(by: Double(amount)) }

  func increment(by amount: Double) {
    guard amount > 0, amount.isFinite else { return }
    total.withLock { $0 += amount }
  }

  func reset() { total.withLock { $0 = 0 } }

  func exposition(name: String, labels: Labels) -> String {
    name + labels.text() + " " + sampleText(total.withLock { $0 }) + "\n"
  }
}

/// A value that goes up and down.
final class GaugeSeries: MetricSeries, MeterHandler, RecorderHandler {
  private let value = Mutex(0.0)

  func set(_ value: Int64) { set(Double(value)) }
  func set(_ value: Double) { self.value.withLock { $0 = value } }
  func increment(by amount: Double) { value.withLock { $0 += amount } }
  func decrement(by amount: Double) { value.withLock { $0 -= amount } }
  func record(_ value: Int64) { set(Double(value)) }
  func record(_ value: Double) { set(value) }

  func exposition(name: String, labels: Labels) -> String {
    name + labels.text() + " " + sampleText(value.withLock { $0 }) + "\n"
  }
}

/// Counts of values up to each bound; what is no number is ignored.
final class HistogramSeries: MetricSeries, TimerHandler, RecorderHandler {
  private let bounds: [Double]
  private let state: Mutex<(counts: [UInt64], sum: Double)>

  /// - Parameter bounds: upper bounds, ascending, inclusive, without infinity.
  init(bounds: [Double]) {
    self.bounds = bounds
    state = Mutex((Array(repeating: 0, count: bounds.count + 1), 0))
  }

  func record(_ value: Int64) { record(Double(value)) }

  func record(_ value: Double) {
    guard !value.isNaN else { return }
    let index = bounds.firstIndex { value <= $0 } ?? bounds.count
    state.withLock {
      $0.counts[index] += 1
      $0.sum += value
    }
  }

  func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1_000_000_000) }

  func exposition(name: String, labels: Labels) -> String {
    let (counts, sum) = state.withLock { $0 }
    var text = ""
    var total: UInt64 = 0
    for (bound, count) in zip(bounds + [.infinity], counts) {
      total += count
      text += name + "_bucket" + labels.text(adding: ("le", sampleText(bound))) + " \(total)\n"
    }
    text += name + "_sum" + labels.text() + " " + sampleText(sum) + "\n"
    text += name + "_count" + labels.text() + " \(total)\n"
    return text
  }
}

/// A number as Go's `ParseFloat` reads it, whole ones without a fraction.
func sampleText(_ value: Double) -> String {
  if value.isNaN { return "NaN" }
  if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
  return Int64(exactly: value).map(String.init) ?? value.description
}
