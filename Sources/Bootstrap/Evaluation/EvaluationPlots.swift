import Domain
import Foundation

/// Bars of a measure's mean in each run, with whiskers for the interval.
struct MeansPlot {
  private let bars: [(name: String, interval: BootstrapInterval)]
  private let measure: EvaluationMeasure

  /// Takes the runs and the measure.
  init(_ runs: [EvaluationReport.Run], _ measure: EvaluationMeasure) {
    bars = runs.map { ($0.name, measure.interval(of: $0)) }
    self.measure = measure
  }

  /// The drawing: values from 0 to 1.
  var svg: String {
    let (width, row, left) = (420.0, 26.0, 170.0)
    let height = Double(bars.count) * row + 24
    func x(_ value: Double) -> String { EvaluationPage.fixed(left + value * (width - left - 40), 1) }
    let shapes = bars.enumerated().map { index, bar in
      let y = Double(index) * row + 22
      let middle = EvaluationPage.fixed(y + row / 2 - 4, 1)
      let end = left + bar.interval.mean * (width - left - 40)
      return """
        <text x="\(left - 8)" y="\(y + 13)" text-anchor="end">\(EvaluationPage.escaped(bar.name))</text>
        <rect class="c\(index % 8)" x="\(left)" y="\(y)" width="\(EvaluationPage.fixed(end - left, 1))" height="\(row - 8)"/>
        <line class="whisker" x1="\(x(bar.interval.low))" y1="\(middle)" x2="\(x(bar.interval.high))" y2="\(middle)"/>
        <text x="\(width - 36)" y="\(y + 13)">\(EvaluationPage.fixed(bar.interval.mean, 3))</text>
        """
    }
    return """
      <svg viewBox="0 0 \(Int(width)) \(Int(height))" role="img" aria-label="\(measure.name) of each search">
      <text x="\(left)" y="12">\(measure.name)</text>\(shapes.joined(separator: "\n"))</svg>
      """
  }
}

/// A curve of sorted values for each run.
struct CurvesPlot {
  private let curves: [(name: String, values: [Double])]
  private let axis: String
  private let unit: String

  /// Takes the runs and what of them is drawn, ascending.
  init(_ runs: [EvaluationReport.Run], axis: String, unit: String, _ values: (EvaluationReport.Run) -> [Double]) {
    curves = runs.map { ($0.name, values($0)) }
    self.axis = axis
    self.unit = unit
  }

  /// The drawing.
  var svg: String {
    let (width, height, left, bottom) = (900.0, 260.0, 50.0, 230.0)
    let most = max(curves.compactMap(\.values.last).max() ?? 1, 1e-9)
    let lines = curves.enumerated().map { index, curve in
      let points = curve.values.enumerated().map { place, value in
        let x = left + Double(place) / Double(max(curve.values.count - 1, 1)) * (width - left - 10)
        return "\(EvaluationPage.fixed(x, 1)),\(EvaluationPage.fixed(bottom - value / most * (bottom - 14), 1))"
      }
      return "<polyline class=\"c\(index % 8)\" points=\"\(points.joined(separator: " "))\">"
        + "<title>\(EvaluationPage.escaped(curve.name))</title></polyline>"
    }
    let top = EvaluationPage.fixed(most, most < 10 ? 2 : 0)
    return """
      <svg viewBox="0 0 \(Int(width)) \(Int(height))" role="img" aria-label="\(unit) over \(axis)">
      <line class="axis" x1="\(left)" y1="\(bottom)" x2="\(width - 10)" y2="\(bottom)"/>
      <line class="axis" x1="\(left)" y1="14" x2="\(left)" y2="\(bottom)"/>
      <text x="\(left - 6)" y="18" text-anchor="end">\(top)</text><text x="\(left - 6)" y="\(bottom)" text-anchor="end">0</text>
      <text x="\(left + 6)" y="12">\(unit)</text><text x="\(width - 10)" y="\(bottom + 18)" text-anchor="end">\(axis)</text>
      \(lines.joined(separator: "\n"))</svg>
      """
  }
}
