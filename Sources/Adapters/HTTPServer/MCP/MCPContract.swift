import Contract
import Domain
import FoundationEssentials
import JSONValues

/// The methods of the contract that tools and resources stand for: they are called as any client calls them, so that
/// scopes, roles, limits and answers are the same.
struct MCPContract: Sendable {
  static let search = "/opentier.v1.RetrievalService/Search"
  static let list = "/opentier.v1.KnowledgeService/ListDocuments"
  static let document = "/opentier.v1.KnowledgeService/GetDocument"
  static let text = "/opentier.v1.KnowledgeService/GetDocumentText"
  static let submit = "/opentier.v1.KnowledgeService/CreateSubmission"

  let services: ContractServices
  private let bindings: [String: Binding]

  /// Finds the methods.
  init(_ services: ContractServices) {
    self.services = services
    bindings = Dictionary(
      services.bindings.map { ($0.procedurePath, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// Finds out who is calling, and refuses an API key without a scope of the method.
  ///
  /// - Throws: a `ContractError` of `unauthenticated`; ``MCPError`` with 403.
  func admit(_ context: CallContext, to method: String) async throws {
    try await context.authenticate(by: services.authenticate)
    let scopes = try binding(method).scopes
    do { try context.requireScope(of: scopes) } catch {
      throw MCPError.insufficientScope(scopes.map(\.rawValue), error.message)
    }
  }

  /// Calls a method with a message in JSON.
  func call(_ method: String, _ message: JSONValue, _ context: CallContext) async throws -> OutgoingMessage {
    try await services.call(
      try binding(method), IncomingMessage(.encoded(Array(try message.data), .json)), context)
  }

  /// Calls a method with a message in JSON; the members of its answer.
  func members(_ method: String, _ message: JSONValue, _ context: CallContext) async throws -> [String: JSONValue] {
    let answer = try await call(method, message, context).encoded(as: .json)
    return try JSONDecoder().decode([String: JSONValue].self, from: Data(answer))
  }

  private func binding(_ method: String) throws(ContractError) -> Binding {
    guard let binding = bindings[method] else { throw ContractError(.unimplemented, "\(method) is not served") }
    return binding
  }
}
