import Application
import Contract
import Domain
import GRPCCore
import GRPCProtobuf
import Instrumentation
import ServiceContextModule
import SwiftProtobuf
import Synchronization

extension IntelligenceClient {
  /// Calls a method, on another process if the first is gone: once, and only if that cannot do anything twice.
  ///
  /// - Parameters:
  ///   - isRepeatable: whether calling it twice is no harm.
  ///   - read: takes each message of the answer; the next is read when it returns. What it throws ends the call.
  func call<Request: Message, Response: Message>(
    _ method: MethodDescriptor, _ request: Request, for organization: OrganizationID?, isRepeatable: Bool,
    read: @escaping @Sendable (Response) async throws -> Void
  ) async throws(UseCaseFailure) {
    var tried: Set<String> = []
    while true {
      do throws(CallFailure) {
        let endpoint = try await endpoint(for: organization, but: tried)
        tried.insert(endpoint.id)
        return try await attempt(endpoint, method, request, read: read)
      } catch {
        if Task.isCancelled { throw .cancelled }
        let isAnotherTry = tried.count == 1 && error.isConnectionLost && (isRepeatable || !error.mayHaveBegun)
        guard error.error != nil, isAnotherTry, status.known > 1 else { throw error.useCaseFailure }
      }
    }
  }

  /// Calls a method on every process that serves. It has succeeded where one has; else the first failure is thrown, a
  /// refusal before a lost connection.
  func callAll<Request: Message, Response: Message>(
    _ method: MethodDescriptor, _ request: Request, read: @escaping @Sendable (Response) async throws -> Void
  ) async throws(UseCaseFailure) {
    let endpoints = serving
    guard !endpoints.isEmpty else {
      return try await call(method, request, for: nil, isRepeatable: true, read: read)
    }
    let failures = await withTaskGroup(of: CallFailure?.self) { group in
      for endpoint in endpoints {
        group.addTask { [self] in
          do throws(CallFailure) {
            try await attempt(endpoint, method, request, read: read)
            return nil
          } catch {
            return error
          }
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    guard !failures.contains(where: { $0 == nil }) else { return }
    if Task.isCancelled { throw .cancelled }
    let found = failures.compactMap { $0 }
    throw (found.first { !$0.isConnectionLost } ?? found[0]).useCaseFailure
  }

  /// Calls a method on the processes that serve, one after the other, as long as what is asked for is not found, or a
  /// process is gone before it has answered. What was not found may be in a process that is gone: then that is said.
  func callUntilFound<Request: Message, Response: Message>(
    _ method: MethodDescriptor, _ request: Request, read: @escaping @Sendable (Response) async throws -> Void
  ) async throws(UseCaseFailure) {
    let endpoints = serving
    guard !endpoints.isEmpty else {
      return try await call(method, request, for: nil, isRepeatable: true, read: read)
    }
    let isAnswered = Atomic(false)
    var lost: UseCaseFailure?
    var notFound: UseCaseFailure?
    for endpoint in endpoints {
      do throws(CallFailure) {
        return try await attempt(endpoint, method, request) { (response: Response) in
          isAnswered.store(true, ordering: .relaxed)
          try await read(response)
        }
      } catch {
        if Task.isCancelled { throw .cancelled }
        let failure = error.useCaseFailure
        if !isAnswered.load(ordering: .relaxed), error.isConnectionLost {
          lost = failure
        } else if !isAnswered.load(ordering: .relaxed), case .notFound = failure {
          notFound = failure
        } else {
          throw failure
        }
      }
    }
    throw lost ?? notFound ?? .unavailable("no intelligence process serves")
  }

  private func attempt<Request: Message, Response: Message>(
    _ endpoint: Endpoint, _ method: MethodDescriptor, _ message: Request,
    read: @escaping @Sendable (Response) async throws -> Void
  ) async throws(CallFailure) {
    let connection = endpoint.begin()
    var wasReset = true
    defer { endpoint.end(connection, wasReset: wasReset) }
    // The library asks for the request only when there is a stream to send it on.
    let hasBegun = Atomic(false)
    let failureOfReader = Mutex<UseCaseFailure?>(nil)
    let call = StreamingClientRequest<Request>(metadata: metadata()) { writer in
      hasBegun.store(true, ordering: .relaxed)
      try await writer.write(message)
    }
    do {
      try await connection.client.bidirectionalStreaming(
        request: call, descriptor: method, serializer: ProtobufSerializer<Request>(),
        deserializer: ProtobufDeserializer<Response>(), options: options()
      ) { response in
        for try await message in response.messages {
          do { try await read(message) } catch {
            // The reader's own words are not the library's to wrap.
            failureOfReader.withLock {
              $0 = (error as? UseCaseFailure) ?? (error as? ContractError).map(UseCaseFailure.init) ?? .cancelled
            }
            throw error
          }
        }
      }
      wasReset = false
    } catch {
      if let failure = failureOfReader.withLock({ $0 }) {
        throw CallFailure(reader: failure)
      }
      let failure = error as? RPCError ?? RPCError(code: .unknown, message: "\(error)")
      let lost = CallFailure(failure, mayHaveBegun: hasBegun.load(ordering: .relaxed))
      wasReset = !lost.wasAnswered
      if lost.isConnectionLost, !Task.isCancelled { endpoint.note("a call was lost: \(failure.message)", since: .now) }
      throw lost
    }
  }

  /// What travels beside the message: who the gateway is, the request's name, and its trace.
  private func metadata() -> GRPCCore.Metadata {
    var metadata = GRPCCore.Metadata()
    if let secret = configuration.secret { metadata.addString("Bearer \(secret)", forKey: "authorization") }
    if let id = CallContext.current?.requestID { metadata.addString(id, forKey: "x-request-id") }
    if let trace = ServiceContext.current {
      InstrumentationSystem.instrument.inject(trace, into: &metadata, using: MetadataInjector())
    }
    return metadata
  }

  /// The caller's deadline goes with the call.
  private func options() -> CallOptions {
    var options = CallOptions.defaults
    options.maxResponseMessageBytes = configuration.maximumResponseBytes
    options.timeout = CallContext.current?.deadline.map { max(.zero, $0 - ContinuousClock.now) }
    return options
  }
}

private struct MetadataInjector: Injector {
  func inject(_ value: String, forKey key: String, into carrier: inout GRPCCore.Metadata) {
    carrier.replaceOrAddString(value, forKey: key.lowercased())
  }
}
