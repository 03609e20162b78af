import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Synchronization

/// The HTTP/2 connections to one process: one, and more while its calls are too many or are reset too often for it.
final class Connections: Sendable {
  typealias Client = GRPCClient<HTTP2ClientTransport.Posix>

  /// A connection that is lent to a call.
  struct Lent: Sendable {
    let client: Client
    fileprivate let id: Int
  }

  private struct State {
    var load = ConnectionLoad()
    var clients: [Int: Client] = [:]
    var isEnding = false
  }

  /// The connection that is there from the start.
  let first: Client
  private let make: @Sendable () throws -> Client
  private let state: Mutex<State>
  private let fresh: AsyncStream<Client>
  private let handOver: AsyncStream<Client>.Continuation

  /// Makes the first connection, which connects once ``run(_:)`` does.
  init(_ make: @escaping @Sendable () throws -> Client) throws {
    self.make = make
    first = try make()
    var state = State()
    let id = state.load.begin(at: .now).id
    state.load.end(id, wasReset: false, at: .now)
    state.clients[id] = first
    self.state = Mutex(state)
    (fresh, handOver) = AsyncStream.makeStream()
    handOver.yield(first)
  }

  /// How many there are.
  var count: Int { state.withLock { $0.clients.count } }

  /// Keeps the connections until they are told to end.
  ///
  /// - Parameter failed: told why a connection ended that was not to.
  func run(_ failed: @escaping @Sendable (any Error) -> Void) async {
    await withTaskGroup(of: Void.self) { group in
      for await client in fresh {
        group.addTask {
          do { try await client.runConnections() } catch { failed(error) }
        }
      }
    }
  }

  /// Lends a connection for a call.
  func take() -> Lent {
    state.withLock { state in
      let (id, isNew) = state.load.begin(at: .now)
      // An address that the first connection could be made for is good for others.
      if isNew, !state.isEnding, let client = try? make() {
        state.clients[id] = client
        handOver.yield(client)
      }
      return Lent(client: state.clients[id] ?? first, id: id)
    }
  }

  /// Takes a connection back, and ends those that have fallen idle.
  ///
  /// - Parameter wasReset: whether the call was broken off on this side.
  func giveBack(_ lent: Lent, wasReset: Bool) {
    let idle = state.withLock { state in
      state.load.end(lent.id, wasReset: wasReset, at: .now)
      return state.load.dropIdle(at: .now).compactMap { state.clients.removeValue(forKey: $0) }
    }
    for client in idle { client.beginGracefulShutdown() }
  }

  /// Ends all as soon as their calls have ended.
  func beginGracefulShutdown() {
    let clients = state.withLock { state in
      state.isEnding = true
      return Array(state.clients.values)
    }
    handOver.finish()
    for client in clients { client.beginGracefulShutdown() }
  }
}
