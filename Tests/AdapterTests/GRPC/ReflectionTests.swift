import Contract
import SwiftProtobuf
import Testing

@testable import GRPCServer

struct ReflectionTests {
  private let index = ReflectionIndex(
    services: ["opentier.v1.AuthService", "opentier.v1.ChatService"], in: ContractFiles.all)

  @Test("a file comes with all that it imports, itself first")
  func files() throws {
    let files = try #require(index.file(declaring: "opentier.v1.ChatService"))
    #expect(files.first?.name == "opentier/v1/chat.proto")
    #expect(
      Set(files.map(\.name)) == [
        "opentier/v1/chat.proto", "opentier/v1/common.proto", "google/protobuf/timestamp.proto",
      ])
    #expect(index.file(named: "opentier/v1/chat.proto") == files)
  }

  @Test(
    "whatever a file declares is found by its full name",
    arguments: [
      "opentier.v1.ChatService.StreamChat", "opentier.v1.StreamChatRequest", "opentier.v1.StreamChatRequest.message",
      "opentier.v1.StreamChatResponse.event", "opentier.v1.UserRole", "opentier.v1.USER_ROLE_ADMIN",
    ])
  func symbols(symbol: String) { #expect(index.file(declaring: symbol) != nil) }

  @Test(
    "what is not served, and not needed by what is, is not told of",
    arguments: [
      "opentier.intelligence.v1.IntelligenceService", "opentier.intelligence.v1.Caller", "opentier.v1.KnowledgeService",
      "opentier.v1.Submission", "", "opentier.v1",
    ])
  func others(symbol: String) { #expect(index.file(declaring: symbol) == nil) }

  @Test("a file in another package names its own types there")
  func moved() throws {
    let file = try #require(ContractFiles.all.first { $0.package == "grpc.reflection.v1" })
    let older = file.moved(to: "grpc.reflection.v1alpha", name: "older.proto")
    let index = ReflectionIndex(services: ["grpc.reflection.v1alpha.ServerReflection"], in: [older])
    #expect(index.file(named: "older.proto")?.count == 1)
    let text = try older.jsonString()
    #expect(!text.contains(".grpc.reflection.v1."))
    #expect(text.contains(".grpc.reflection.v1alpha.ServerReflectionRequest"))
  }
}
