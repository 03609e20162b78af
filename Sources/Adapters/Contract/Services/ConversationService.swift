import Application
import Domain
import GRPCCore

/// `opentier.v1.ConversationService` over the use cases.
struct ConversationService: Opentier_V1_ConversationService.SimpleServiceProtocol {
  let useCases: GatewayUseCases

  func listConversations(
    request: Opentier_V1_ListConversationsRequest, context: ServerContext
  ) async throws -> Opentier_V1_ListConversationsResponse {
    let page = try await useCases.conversations.list(
      page: PageRequest(
        size: request.hasPageSize ? request.pageSize : nil, token: request.hasPageToken ? request.pageToken : nil),
      caller())
    var response = Opentier_V1_ListConversationsResponse()
    response.conversations = page.items.map(Opentier_V1_Conversation.init)
    if let next = page.next { response.nextPageToken = next.token }
    return response
  }

  func createConversation(
    request: Opentier_V1_CreateConversationRequest, context: ServerContext
  ) async throws -> Opentier_V1_CreateConversationResponse {
    var response = Opentier_V1_CreateConversationResponse()
    response.conversation = Opentier_V1_Conversation(
      try await useCases.conversations.create(title: request.hasTitle ? request.title : nil, caller()))
    return response
  }

  func getConversation(
    request: Opentier_V1_GetConversationRequest, context: ServerContext
  ) async throws -> Opentier_V1_GetConversationResponse {
    var response = Opentier_V1_GetConversationResponse()
    response.conversation = Opentier_V1_Conversation(
      try await useCases.conversations.get(
        ConversationID(of: "conversation", request.conversationID), caller()))
    return response
  }

  func updateConversation(
    request: Opentier_V1_UpdateConversationRequest, context: ServerContext
  ) async throws -> Opentier_V1_UpdateConversationResponse {
    guard request.hasTitle else { throw ContractError.invalid("title", "must be given") }
    var response = Opentier_V1_UpdateConversationResponse()
    response.conversation = Opentier_V1_Conversation(
      try await useCases.conversations.rename(
        ConversationID(of: "conversation", request.conversationID), to: request.title, caller()))
    return response
  }

  func deleteConversation(
    request: Opentier_V1_DeleteConversationRequest, context: ServerContext
  ) async throws -> Opentier_V1_DeleteConversationResponse {
    try await useCases.conversations.delete(
      ConversationID(of: "conversation", request.conversationID), caller())
    return Opentier_V1_DeleteConversationResponse()
  }

  func listMessages(
    request: Opentier_V1_ListMessagesRequest, context: ServerContext
  ) async throws -> Opentier_V1_ListMessagesResponse {
    if request.hasPageSize, !(1...UInt32(PageRequest.maximumSize)).contains(request.pageSize) {
      throw ContractError.invalid("pageSize", "must be 1 to \(PageRequest.maximumSize)")
    }
    var messages = try await useCases.conversations.messages(
      of: ConversationID(of: "conversation", request.conversationID), caller())[...]
    // The token is the id of the page's last message: messages are never moved or removed one by one.
    if request.hasPageToken, !request.pageToken.isEmpty {
      guard let last = messages.firstIndex(where: { $0.id.description == request.pageToken }) else {
        throw ContractError.invalid("pageToken", "must be a nextPageToken of this conversation")
      }
      messages = messages[(last + 1)...]
    }
    let page = request.hasPageSize ? messages.prefix(Int(request.pageSize)) : messages
    var response = Opentier_V1_ListMessagesResponse()
    response.messages = page.map(Opentier_V1_ChatMessage.init)
    if page.count < messages.count, let last = page.last { response.nextPageToken = last.id.description }
    return response
  }
}
