import Testing

@testable import IntelligenceClient

@Suite("Connections to an intelligence process")
struct ConnectionLoadTests {
  private let start = ContinuousClock.now

  @Test("calls share one connection until so many are open, and then the next")
  func openCalls() {
    var load = ConnectionLoad()
    let first = load.begin(at: start)
    #expect(first.isNew)
    for _ in 1..<ConnectionLoad.limit { #expect(load.begin(at: start) == (first.id, false)) }
    let second = load.begin(at: start)
    #expect(second.isNew && second.id != first.id)
    load.end(first.id, wasReset: false, at: start)
    #expect(load.begin(at: start) == (first.id, false))
    #expect(load.begin(at: start) == (second.id, false))
  }

  @Test("on no connection so many calls are reset within the period, however they come")
  func resets() {
    var load = ConnectionLoad()
    var resets: [Int: [ContinuousClock.Instant]] = [:]
    var open: [Int] = []
    var time = start
    for step in 0..<5_000 {
      time += .milliseconds(step % 7)
      open.append(load.begin(at: time).id)
      // In bursts: many are open, and then leave at once.
      guard step % 150 == 149 else { continue }
      for id in open {
        load.end(id, wasReset: true, at: time)
        resets[id, default: []].append(time)
        #expect(resets[id, default: []].count { time - $0 < .seconds(30) } <= ConnectionLoad.limit)
      }
      open = []
    }
    #expect(load.ids.count > 1)
  }

  @Test("connections that nobody needs any more are dropped, but for the oldest")
  func idle() {
    var load = ConnectionLoad()
    let ids = (0...ConnectionLoad.limit).map { _ in load.begin(at: start).id }
    #expect(load.ids.count == 2 && load.dropIdle(at: start).isEmpty)
    for id in ids { load.end(id, wasReset: id != ids[0], at: start) }
    #expect(load.dropIdle(at: start).isEmpty, "its resets are too late to forget")
    #expect(load.dropIdle(at: start + ConnectionLoad.period) == [ids[ConnectionLoad.limit]])
    #expect(load.ids == [ids[0]])
  }
}
