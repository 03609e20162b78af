/// The prepared statements of one connection, by their text and the types of their parameters.
struct StatementCache {
  /// What makes statements the same.
  struct Key: Hashable {
    let text: String
    let types: [UInt32]
  }

  private struct Entry {
    let name: String
    var lastUse: UInt64
  }

  private let maximum: Int
  private var entries: [Key: Entry] = [:]
  private var uses: UInt64 = 0
  private var names: UInt64 = 0
  /// Statements that the server still holds and nobody will use again.
  private(set) var evicted: [String] = []

  init(maximum: Int) { self.maximum = maximum }

  var count: Int { entries.count }

  /// The name of a statement that is prepared.
  mutating func name(for key: Key) -> String? {
    guard let index = entries.index(forKey: key) else { return nil }
    uses += 1
    entries.values[index].lastUse = uses
    return entries.values[index].name
  }

  /// A name that was never used on this connection.
  mutating func newName() -> String {
    names += 1
    return "opentier_\(names)"
  }

  /// Remembers a statement; beyond the maximum the one unused for longest is evicted.
  mutating func insert(_ name: String, for key: Key) {
    uses += 1
    entries[key] = Entry(name: name, lastUse: uses)
    while entries.count > maximum, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
      remove(oldest.key)
    }
  }

  /// Forgets a statement, which the server still holds.
  mutating func remove(_ key: Key) {
    if let entry = entries.removeValue(forKey: key) { evicted.append(entry.name) }
  }

  /// Forgets every statement, none of which the server holds any more.
  mutating func removeAll() {
    entries = [:]
    evicted = []
  }

  /// The statements to deallocate on the server, once.
  mutating func takeEvicted() -> [String] {
    defer { evicted = [] }
    return evicted
  }
}
