import Domain
import Synchronization

/// Keeps whole replies of models for a while, so that the same request of the same organisation is not paid for twice, and
/// has one call to a model serve all that ask the same at the same time.
///
/// A request is the same when all of it is: the dialogue with its passages, the tools, the options, the model, the
/// organisation. Passages are part of it, so that what is published anew makes another request. It is compared whole and
/// not by a digest: no two requests can be taken for each other.
package final class ResponseCache: Sendable {
  /// Sizes and times that configuration may change.
  package struct Settings: Hashable, Sendable {
    /// The most bytes of all replies that are kept, their requests included.
    package var maximumBytes = 64 << 20
    /// The most bytes of one, its request included; larger ones are not kept.
    package var maximumEntryBytes = 1 << 20
    /// The most bytes of a reply that is written for several readers; a model that goes on is stopped.
    package var maximumReplyBytes = 2 << 20
    /// How long a reply is kept.
    package var timeToLive: Duration = .seconds(3_600)

    /// The standard settings.
    package init() {}
  }

  /// A request to a model.
  struct Key: Hashable, Sendable {
    let model: String
    let request: ModelRequest

    /// Who is told which model answers is no part of what is asked.
    init(model: String, request: ModelRequest) {
      self.model = model
      var request = request
      request.answering = nil
      self.request = request
    }
  }

  /// A whole reply.
  struct Entry: Sendable {
    let parts: [String]
    let end: ReplyEnd
    let bytes: Int
    let expiresAt: Duration
    /// When it was last asked for, as a count.
    var use: UInt64
  }

  /// What a caller is to do.
  enum Found {
    /// Hand this over.
    case reply([String], ReplyEnd)
    /// Follow what another has begun.
    case following(SharedReply, reader: Int)
    /// Begin, and follow.
    case leading(SharedReply, reader: Int)
  }

  private struct State {
    var entries: [Key: Entry] = [:]
    var bytes = 0
    var shared: [Key: SharedReply] = [:]
    var uses: UInt64 = 0
    /// The keys by use, the longest unused first; those that were used again later are stale here.
    var order: [(key: Key, use: UInt64)] = []
    var oldest = 0
  }

  let settings: Settings
  private let now: @Sendable () -> Duration
  private let state = Mutex(State())

  /// Makes a cache that holds nothing.
  ///
  /// - Parameter now: the time since any fixed instant; never goes back.
  package init(_ settings: Settings = Settings(), now: @escaping @Sendable () -> Duration = RouteClock.system.now) {
    self.settings = settings
    self.now = now
  }

  /// The replies that are kept, and their bytes.
  package var size: (replies: Int, bytes: Int) { state.withLock { ($0.entries.count, $0.bytes) } }

  func find(_ key: Key) -> Found {
    let time = now()
    return state.withLock { state in
      if var entry = state.entries[key] {
        if entry.expiresAt > time {
          Self.touch(&entry, key, &state)
          return .reply(entry.parts, entry.end)
        }
        Self.remove(key, &state)
      }
      // One that all its readers have left is ending, and takes no other.
      if let reply = state.shared[key], let reader = reply.join() { return .following(reply, reader: reader) }
      let reply = SharedReply(maximumBytes: settings.maximumReplyBytes)
      state.shared[key] = reply
      return .leading(reply, reader: SharedReply.leader)
    }
  }

  /// Takes note that a reply has ended, and keeps it if it is whole: it came to its end by itself, and asks for no tools.
  func ended(_ key: Key, _ reply: SharedReply, with end: ReplyEnd?) {
    let expiry = now() + settings.timeToLive
    let parts = reply.parts
    state.withLock { state in
      if state.shared[key] === reply { state.shared[key] = nil }
      guard let end, end.finishReason == .stop, end.toolCalls.isEmpty else { return }
      let bytes = key.bytes + parts.reduce(0) { $0 + $1.utf8.count + MemoryLayout<String>.stride }
      guard bytes <= min(settings.maximumEntryBytes, settings.maximumBytes) else { return }
      Self.remove(key, &state)
      while state.bytes + bytes > settings.maximumBytes, Self.evict(&state) {}
      var entry = Entry(parts: parts, end: end, bytes: bytes, expiresAt: expiry, use: 0)
      state.bytes += bytes
      Self.touch(&entry, key, &state)
    }
  }

  private static func touch(_ entry: inout Entry, _ key: Key, _ state: inout State) {
    state.uses += 1
    entry.use = state.uses
    state.entries[key] = entry
    state.order.append((key, state.uses))
    // Stale places are swept before they outnumber the others.
    if state.order.count > 2 * state.entries.count + 64 {
      state.order = state.order[state.oldest...].filter { state.entries[$0.key]?.use == $0.use }
      state.oldest = 0
    }
  }

  private static func remove(_ key: Key, _ state: inout State) {
    if let entry = state.entries.removeValue(forKey: key) { state.bytes -= entry.bytes }
  }

  /// Removes the reply that was unused for the longest time; `false` when there is none.
  private static func evict(_ state: inout State) -> Bool {
    while state.oldest < state.order.count {
      let place = state.order[state.oldest]
      state.oldest += 1
      if state.entries[place.key]?.use == place.use {
        remove(place.key, &state)
        return true
      }
    }
    return false
  }
}

extension ResponseCache.Key {
  /// What the request takes, about.
  fileprivate var bytes: Int {
    var bytes = 512 + request.question.utf8.count
    for message in request.messages {
      bytes += 128 + message.content.utf8.count
      for image in message.images { bytes += image.bytes.count }
      for call in message.toolCalls { bytes += call.arguments.utf8.count + (call.signature?.utf8.count ?? 0) }
      for result in message.toolResults { bytes += result.content.utf8.count }
    }
    for source in request.sources { bytes += 256 + source.text.utf8.count + source.title.utf8.count }
    for tool in request.tools { bytes += tool.parameters.utf8.count + tool.description.utf8.count }
    if case .jsonSchema(let format)? = request.options.responseFormat { bytes += format.schema.utf8.count }
    if let prompt = request.prompt { bytes += prompt.text.utf8.count + (prompt.suffix?.utf8.count ?? 0) }
    return bytes
  }
}
