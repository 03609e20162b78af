import Contract
import HTTPTypes

/// Something that the server needs to do its work, looked at for `/readyz`.
package struct ReadinessCheck: Sendable {
  /// How it is.
  package enum State: String, Sendable {
    /// It works.
    case ok
    /// It does not work, and the server works with less: the answer stays 200.
    case degraded
    /// It does not work, and the server cannot do its work: the answer is 503.
    case failed
  }

  /// Its name, such as `storage`.
  package let name: String
  /// Looks, and says in words what is wrong, without secrets; `nil` when there is nothing to say.
  package let check: @Sendable () async -> (state: State, detail: String?)

  /// Makes a check.
  package init(_ name: String, check: @escaping @Sendable () async -> (state: State, detail: String?)) {
    self.name = name
    self.check = check
  }
}

/// The answers of `/healthz` and `/readyz`.
enum Probes {
  /// Alive, which answering proves.
  static func health() -> Answer { Answer(json: Array(#"{"status":"ok"}"#.utf8)) }

  /// Each check's name, state, time and words; the checks run side by side, and the worst decides.
  static func readiness(_ checks: [ReadinessCheck]) async -> Answer {
    var results: [(state: ReadinessCheck.State, json: String)?] = Array(repeating: nil, count: checks.count)
    await withTaskGroup(of: (Int, ReadinessCheck.State, String).self) { group in
      for (index, check) in checks.enumerated() {
        group.addTask {
          let clock = ContinuousClock()
          let start = clock.now
          let (state, detail) = await check.check()
          let microseconds = (clock.now - start) / Duration.microseconds(1)
          var json = #"{"name":\#(JSONText.quoted(check.name)),"state":"\#(state.rawValue)""#
          json += #","milliseconds":\#((microseconds / 10).rounded() / 100)"#
          if let detail { json += #","detail":\#(JSONText.quoted(detail))"# }
          return (index, state, json + "}")
        }
      }
      for await (index, state, json) in group { results[index] = (state, json) }
    }
    let states = results.compactMap { $0?.state }
    let overall: ReadinessCheck.State =
      states.contains(.failed) ? .failed : states.contains(.degraded) ? .degraded : .ok
    let list = results.compactMap { $0?.json }.joined(separator: ",")
    return Answer(
      overall == .failed ? .serviceUnavailable : .ok,
      json: Array(#"{"status":"\#(overall.rawValue)","checks":[\#(list)]}"#.utf8))
  }
}
