import Contract
import GRPCCore
import GRPCProtobuf
import Logging
import ServiceLifecycle
import SwiftProtobuf
import Synchronization
import Testing

@testable import GRPCServer

/// A method of the contract that does what a test says.
private func search(
  _ body: @escaping @Sendable (Opentier_V1_SearchRequest) async throws -> Opentier_V1_SearchResponse
) -> Binding {
  .unary(method, .post, "/search", { request, _ in try await body(request) }, authentication: .none)
}

private let method = Opentier_V1_RetrievalService.Method.Search.descriptor

struct ContractCallTests {
  @Test(
    "every code of the contract has its code, its words and its details on gRPC", arguments: ContractErrorCode.allCases)
  func codes(code: ContractErrorCode) async throws {
    let binding = search { _ in
      throw ContractError(
        code, "wörds with 100 %", details: [.init("query", "must not be empty")], diagnosis: "for the log alone")
    }
    try await RunningServer.run(binding) { server in
      let error = try await server.failure(method, Opentier_V1_SearchRequest())
      #expect(error.code == code.grpc)
      #expect(error.message == "wörds with 100 %")
      let status = try required(try error.unpackGoogleRPCStatus())
      #expect(status.code == code.grpc)
      #expect(status.message == error.message)
      let detail = try Opentier_V1_FieldViolation(unpackingAny: required(status.details.first?.any))
      #expect(detail == .init("query", "must not be empty"))
      #expect(!"\(error)".contains("for the log alone"))
    }
  }

  @Test("an error of no known kind is a defect, whose text stays in the log")
  func defects() async throws {
    struct DriverError: Error { let secret = "password=hunter2" }
    try await RunningServer.run(search { _ in throw DriverError() }) { server in
      let error = try await server.failure(method, Opentier_V1_SearchRequest())
      #expect(error.code == .internalError)
      #expect(!"\(error)".contains("hunter2"))
      #expect(error.metadata[stringValues: "x-request-id"].contains { !$0.isEmpty })
    }
  }

  @Test("a method knows its request's id, token, client and deadline")
  func context() async throws {
    let seen = Mutex<CallContext?>(nil)
    let binding = search { _ in
      seen.withLock { $0 = CallContext.current }
      return Opentier_V1_SearchResponse()
    }
    try await RunningServer.run(binding) { server in
      let start = ContinuousClock.now
      let _: Opentier_V1_SearchResponse = try await server.call(
        method, Opentier_V1_SearchRequest(),
        metadata: [
          "x-request-id": "abc", "authorization": "bearer  t0ken", "grpc-timeout": "00030000m", "user-agent": "tests/1",
        ])
      let context = try required(seen.withLock { $0 })
      #expect(context.requestID == "abc")
      #expect(context.bearerToken == "t0ken")
      #expect(context.remoteAddress == "127.0.0.1")
      #expect(context.userAgent == "tests/1")
      let deadline = try required(context.deadline)
      #expect(start + .seconds(29) < deadline)
      #expect(deadline < .now + .seconds(30))
    }
  }

  @Test("a method that wants a session refuses the call before it reads the message")
  func sessions() async throws {
    let binding = Binding.unary(
      method, .post, "/search", { (_: Opentier_V1_SearchRequest, _) in Opentier_V1_SearchResponse() })
    try await RunningServer.run(binding, limit: 8) { server in
      var long = Opentier_V1_SearchRequest()
      long.query = String(repeating: "x", count: 100)
      #expect(try await server.failure(method, long).code == .unauthenticated)
      let error = try await server.failure(method, long, metadata: ["authorization": "Bearer old"])
      #expect(error.code == .unauthenticated)
      #expect(error.message == "the session has ended")
    }
  }

  @Test("a message may have as many bytes as its method takes, and not one more")
  func limits() async throws {
    try await RunningServer.run(search { _ in Opentier_V1_SearchResponse() }, limit: 1000) { server in
      var request = Opentier_V1_SearchRequest()
      request.query = String(repeating: "x", count: 997)
      let _: Opentier_V1_SearchResponse = try await server.call(method, request)
      for count in [998, 1100, 1_000_000] {
        request.query = String(repeating: "x", count: count)
        let error = try await server.failure(method, request)
        #expect(error.code == .resourceExhausted)
        #expect(error.message == "the message may have at most 1000 bytes")
      }
    }
  }

  @Test("a deadline cancels the method's task at once", arguments: ["50m", "00050000u"])
  func deadlines(timeout: String) async throws {
    let cancelledAt = Mutex<ContinuousClock.Instant?>(nil)
    let binding = search { _ in
      do { try await Task.sleep(for: .seconds(60)) } catch {
        cancelledAt.withLock { $0 = .now }
        throw error
      }
      return Opentier_V1_SearchResponse()
    }
    try await RunningServer.run(binding) { server in
      let start = ContinuousClock.now
      let error = try await server.failure(
        method, Opentier_V1_SearchRequest(), metadata: ["grpc-timeout": "\(timeout)"])
      #expect(error.code == .deadlineExceeded)
      let cancelled = try required(cancelledAt.withLock { $0 })
      #expect(cancelled - start >= .milliseconds(50))
      #expect(cancelled - start < .seconds(30))
    }
  }

  @Test("a client that leaves cancels the method's task")
  func leaving() async throws {
    let (starts, start) = AsyncStream<Void>.makeStream()
    let (ends, end) = AsyncStream<ContinuousClock.Instant>.makeStream()
    let binding = search { _ in
      start.finish()
      do { try await Task.sleep(for: .seconds(60)) } catch {
        end.yield(.now)
        end.finish()
        throw error
      }
      return Opentier_V1_SearchResponse()
    }
    try await RunningServer.run(binding) { server in
      let call = Task {
        let _: Opentier_V1_SearchResponse = try await server.call(method, Opentier_V1_SearchRequest())
      }
      for await _ in starts {}
      let left = ContinuousClock.now
      call.cancel()
      var iterator = ends.makeAsyncIterator()
      let cancelled = try required(await iterator.next())
      #expect(cancelled - left < .seconds(30))
    }
  }

  @Test("open calls end within the grace time, or are cancelled", arguments: [false, true])
  func shutdown(endsByItself: Bool) async throws {
    let (starts, start) = AsyncStream<Void>.makeStream()
    let binding = search { _ in
      start.finish()
      try await Task.sleep(for: endsByItself ? .milliseconds(100) : .seconds(60))
      return Opentier_V1_SearchResponse()
    }
    try await RunningServer.run(binding, grace: endsByItself ? .seconds(60) : .milliseconds(300)) { server in
      let call = Task { () -> Bool in
        let answer: Opentier_V1_SearchResponse? = try? await server.call(method, Opentier_V1_SearchRequest())
        return answer != nil
      }
      for await _ in starts {}
      await server.group.triggerGracefulShutdown()
      #expect(await call.value == endsByItself)
    }
  }

  @Test("a server that is cancelled ends", .timeLimit(.minutes(1)))
  func cancellation() async throws {
    let (starts, start) = AsyncStream<Void>.makeStream()
    let service = GRPCService(
      configuration: .onFreePort, services: [], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    ) { _, _ in start.finish() }
    let task = Task { try await service.run() }
    for await _ in starts {}
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }

  @Test("an address that is taken is said in words", .timeLimit(.minutes(1)))
  func taken() async throws {
    try await RunningServer.run([]) { server in
      let port = server.port
      await #expect {
        try await RunningServer.run([]) {
          $0.port = port
        } _: { _ in
        }
      } throws: { error in
        "\(error)" == "cannot listen on 127.0.0.1:\(port): Address already in use"
      }
    }
  }
}
