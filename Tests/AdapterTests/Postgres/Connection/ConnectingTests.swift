import Foundation
import Testing

@testable import PostgresStorage

@Suite("Connecting to what does not answer")
struct ConnectingTests {
  private static func configuration(_ server: SilentServer) throws -> PostgresConfiguration {
    try PostgresConfiguration(url: "postgresql://postgres@127.0.0.1:\(server.port)/postgres")
  }

  @Test("one attempt takes no longer than the connect time-out")
  func timeout() async throws {
    let server = try SilentServer()
    var configuration = try Self.configuration(server)
    configuration.connectTimeout = 0.2
    let start = ContinuousClock.now
    let error = await failure { [configuration] in _ = try await PostgresConnection.connect(configuration) }
    #expect(error as? PostgresConnectionFailure == .connectTimeout)
    #expect(ContinuousClock.now - start >= .milliseconds(200))
    #expect(ContinuousClock.now - start < .seconds(3))
    withExtendedLifetime(server) {}
  }

  @Test("cancelling the task ends the attempt at once")
  func cancellation() async throws {
    let server = try SilentServer()
    let configuration = try Self.configuration(server)
    for pause in [0, 1, 50] {
      let task = Task { await failure { _ = try await PostgresConnection.connect(configuration) } }
      try await Task.sleep(for: .milliseconds(pause))
      let start = ContinuousClock.now
      task.cancel()
      #expect(await task.value is CancellationError)
      #expect(ContinuousClock.now - start < .seconds(3))
    }
    withExtendedLifetime(server) {}
  }

  @Test("who waits for a connection is told that the server gives no answer")
  func waiting() async throws {
    let server = try SilentServer()
    var configuration = try Self.configuration(server)
    configuration.connectTimeout = 0.3
    configuration.checkoutTimeout = 1
    let database = PostgresDatabase(configuration: configuration)
    let error = await failure { try await database.check() }
    #expect("\(String(describing: error))".contains("did not answer in time"))
    await database.close(grace: 0)
    withExtendedLifetime(server) {}
  }
}
