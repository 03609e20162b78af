import Application
import Domain
import GRPCCore
import SwiftProtobuf

/// `opentier.v1.MemoryService` over the use cases.
struct MemoryService: Opentier_V1_MemoryService.SimpleServiceProtocol {
  let useCases: GatewayUseCases

  func listMemories(
    request: Opentier_V1_ListMemoriesRequest, context: ServerContext
  ) async throws -> Opentier_V1_ListMemoriesResponse {
    let page = try await useCases.memories.list(
      page: PageRequest(
        size: request.hasPageSize ? request.pageSize : nil, token: request.hasPageToken ? request.pageToken : nil),
      caller())
    var response = Opentier_V1_ListMemoriesResponse()
    response.memories = page.items.map(Opentier_V1_Memory.init)
    if let next = page.next { response.nextPageToken = next.token }
    return response
  }

  func createMemory(
    request: Opentier_V1_CreateMemoryRequest, context: ServerContext
  ) async throws -> Opentier_V1_CreateMemoryResponse {
    guard request.hasContent else { throw ContractError.invalid("content", "must be given") }
    var response = Opentier_V1_CreateMemoryResponse()
    response.memory = Opentier_V1_Memory(try await useCases.memories.create(request.content, caller()))
    return response
  }

  func updateMemory(
    request: Opentier_V1_UpdateMemoryRequest, context: ServerContext
  ) async throws -> Opentier_V1_UpdateMemoryResponse {
    guard request.hasContent else { throw ContractError.invalid("content", "must be given") }
    var response = Opentier_V1_UpdateMemoryResponse()
    response.memory = Opentier_V1_Memory(
      try await useCases.memories.change(MemoryID(of: "memory", request.memoryID), to: request.content, caller()))
    return response
  }

  func deleteMemory(
    request: Opentier_V1_DeleteMemoryRequest, context: ServerContext
  ) async throws -> Opentier_V1_DeleteMemoryResponse {
    try await useCases.memories.delete(MemoryID(of: "memory", request.memoryID), caller())
    return Opentier_V1_DeleteMemoryResponse()
  }
}

extension Opentier_V1_Memory {
  /// A memory.
  init(_ memory: UserMemory) {
    self.init()
    id = memory.id.description
    content = memory.content
    createdAt = Google_Protobuf_Timestamp(memory.createdAt)
    updatedAt = Google_Protobuf_Timestamp(memory.updatedAt)
  }
}
