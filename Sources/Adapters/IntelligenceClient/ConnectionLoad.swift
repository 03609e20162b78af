/// How busy the connections to one process are: a value, so that its owner decides on the lock.
///
/// A server closes a connection, with all calls on it, when more than 200 of its calls are reset within 30 seconds
/// (swift-nio-http2's answer to CVE-2023-44487). Each of a connection's open calls may be reset at any moment, so it takes
/// another only while those and the resets of late together are few enough: then no reader's leaving closes it.
struct ConnectionLoad: Sendable {
  /// The most open calls and late resets of a connection together; below the server's limit, as health is asked for on a
  /// connection, too.
  static let limit = 180
  /// How long a reset counts; longer than at the server, which hears of it later.
  static let period: Duration = .seconds(32)

  private struct Entry {
    let id: Int
    var openCalls = 0
    var resets: [ContinuousClock.Instant] = []

    func weight(at time: ContinuousClock.Instant) -> Int {
      openCalls + resets.count { time - $0 < ConnectionLoad.period }
    }
  }

  private var entries: [Entry] = []
  private var lastID = 0

  /// The connections that there are, by their ids, the oldest first.
  var ids: [Int] { entries.map(\.id) }

  /// Notes a call on the oldest connection that can take it, so that later ones fall idle; `isNew` is whether that is one
  /// that has to be made.
  mutating func begin(at time: ContinuousClock.Instant) -> (id: Int, isNew: Bool) {
    if let index = entries.firstIndex(where: { $0.weight(at: time) < Self.limit }) {
      entries[index].openCalls += 1
      return (entries[index].id, false)
    }
    lastID += 1
    entries.append(Entry(id: lastID, openCalls: 1))
    return (lastID, true)
  }

  /// Notes the end of a call, and whether it was a reset.
  mutating func end(_ id: Int, wasReset: Bool, at time: ContinuousClock.Instant) {
    guard let index = entries.firstIndex(where: { $0.id == id }) else { return }
    entries[index].openCalls -= 1
    if wasReset {
      entries[index].resets.removeAll { time - $0 >= Self.period }
      entries[index].resets.append(time)
    }
  }

  /// Forgets the connections that nobody needs, but for the oldest, and tells which: they have no call, and would not be
  /// spared one.
  mutating func dropIdle(at time: ContinuousClock.Instant) -> [Int] {
    let idle = entries.dropFirst().filter { $0.weight(at: time) == 0 }.map(\.id)
    entries.removeAll { idle.contains($0.id) }
    return idle
  }
}
