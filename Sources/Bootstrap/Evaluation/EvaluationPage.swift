import Domain
import Foundation

/// A report as a page of its own: no script, nothing loaded from elsewhere.
struct EvaluationPage {
  /// What stands before and behind the figures in the page.
  static let dataStart = "<script type=\"application/json\" id=\"report\">"
  static let dataEnd = "</script>"

  private let report: EvaluationReport
  private let json: String

  /// Takes a report and its JSON.
  init(_ report: EvaluationReport, json: String) {
    self.report = report
    // `<` occurs in strings alone, where it can be written so: then nothing in them can end the element.
    self.json = json.replacing("<", with: "\\u003c")
  }

  /// The page.
  var html: String {
    let title = "Retrieval on \(Self.escaped(report.collection))"
    let date = report.createdAt.formatted(.iso8601)
    let plots = EvaluationMeasure.all.map { MeansPlot(report.runs, $0).svg }
    return """
      <!doctype html>
      <html lang="en"><head><meta charset="utf-8"><title>\(title)</title>
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <style>\(Self.style)</style></head><body><main>
      <h1>\(title)</h1>
      <p>\(report.documents) documents, \(report.runs.first?.topics.count ?? 0) questions with judgements; profile \
      \(Self.escaped(report.profile)), OpenTier \(Self.escaped(report.version)), \(date).</p>
      \(table)
      <p class="note">Means over all questions; in brackets the interval that holds the mean with 95 % confidence \
      (bootstrap, \(BootstrapInterval.resamples) resamples). A document ranks by its best passage. Times are of searches for \
      10 passages, one after the other.</p>
      <h2>Means</h2><div class="plots">\(plots.joined(separator: "\n"))</div>
      <h2>Questions by nDCG@10</h2>\(CurvesPlot(report.runs, axis: "questions, worst first", unit: "nDCG@10") { run in
        run.topics.map(\.ndcg10).sorted()
      }.svg)
      <h2>Time of a search</h2>\(CurvesPlot(report.runs, axis: "searches, fastest first", unit: "ms") { run in
        run.topics.map(\.milliseconds).sorted()
      }.svg)
      \(hardest)
      </main>
      \(Self.dataStart)\(json)\(Self.dataEnd)
      </body></html>

      """
  }

  private var table: String {
    let heads = EvaluationMeasure.all.map { "<th>\($0.name)</th>" }.joined()
    let rows = report.runs.enumerated().map { index, run in
      let cells = EvaluationMeasure.all.map { measure in
        let interval = measure.interval(of: run)
        let (low, high) = (Self.fixed(interval.low, 3), Self.fixed(interval.high, 3))
        return "<td>\(Self.fixed(interval.mean, 4)) <small>[\(low), \(high)]</small></td>"
      }
      let (median, p95) = run.latency
      return "<tr><th><span class=\"key c\(index % 8)\"></span>\(Self.escaped(run.name))</th>\(cells.joined())"
        + "<td>\(Self.fixed(median, 1))</td><td>\(Self.fixed(p95, 1))</td></tr>"
    }
    return """
      <div class="scroll"><table><thead><tr><th>search</th>\(heads)<th>median ms</th><th>p95 ms</th></tr></thead>
      <tbody>\(rows.joined(separator: "\n"))</tbody></table></div>
      """
  }

  /// The questions that the last run does worst on: where to look first.
  private var hardest: String {
    guard let run = report.runs.last else { return "" }
    let rows = run.topics.sorted { ($0.ndcg10, $0.recall100) < ($1.ndcg10, $1.recall100) }.prefix(20).map { topic in
      "<tr><th>\(Self.escaped(topic.id))</th><td>\(Self.fixed(topic.ndcg10, 3))</td>"
        + "<td>\(Self.fixed(topic.recall10, 3))</td><td>\(Self.fixed(topic.recall100, 3))</td></tr>"
    }
    return """
      <h2>Hardest questions of \(Self.escaped(run.name))</h2><div class="scroll"><table>
      <thead><tr><th>question</th><th>nDCG@10</th><th>recall@10</th><th>recall@100</th></tr></thead>
      <tbody>\(rows.joined(separator: "\n"))</tbody></table></div>
      """
  }

  /// Text within an element or an attribute in double quotes.
  static func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
      .replacing("\"", with: "&quot;")
  }

  /// A number with so many digits behind the point.
  static func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

  private static let style = """
    :root{color-scheme:light dark;--fg:#1b1f24;--bg:#fff;--line:#d0d7de;--dim:#57606a}
    @media(prefers-color-scheme:dark){:root{--fg:#e6edf3;--bg:#0d1117;--line:#30363d;--dim:#9198a1}}
    body{font:15px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);margin:0}
    main{max-width:72rem;margin:auto;padding:1.5rem}
    table{border-collapse:collapse;font-variant-numeric:tabular-nums}
    th,td{padding:.3rem .8rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
    th:first-child{text-align:left}small,.note,text{color:var(--dim);fill:var(--dim)}.scroll{overflow-x:auto}
    .plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(20rem,1fr));gap:1rem}svg{width:100%;height:auto}
    svg text{font-size:11px}.axis{stroke:var(--line)}.whisker{stroke:var(--fg);stroke-width:1.5}
    .key{display:inline-block;width:.8em;height:.8em;margin-right:.5em;border-radius:2px}
    .c0{background:#0969da;fill:#0969da;stroke:#0969da}.c1{background:#bf8700;fill:#bf8700;stroke:#bf8700}
    .c2{background:#1a7f37;fill:#1a7f37;stroke:#1a7f37}.c3{background:#cf222e;fill:#cf222e;stroke:#cf222e}
    .c4{background:#8250df;fill:#8250df;stroke:#8250df}.c5{background:#0e7490;fill:#0e7490;stroke:#0e7490}
    .c6{background:#bc4c00;fill:#bc4c00;stroke:#bc4c00}.c7{background:#6e7781;fill:#6e7781;stroke:#6e7781}
    polyline{fill:none!important;stroke-width:2}
    """
}
