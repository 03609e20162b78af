package import Application
import Domain

extension ContractServices {
  /// The prefix of the paths on REST.
  package static let restPrefix = "/api/v1"

  /// The contract over the use cases: each method implemented once, and bound once, here.
  package init(_ useCases: GatewayUseCases) {
    self.init(
      bindings: Self.auth(AuthService(useCases: useCases))
        + Self.apiKeys(ApiKeyService(useCases: useCases))
        + Self.conversations(ConversationService(useCases: useCases))
        + Self.memories(MemoryService(useCases: useCases))
        + Self.chat(ChatService(intelligence: useCases.intelligence))
        + Self.knowledge(KnowledgeService(useCases: useCases))
        + Self.retrieval(RetrievalService(intelligence: useCases.intelligence))
        + Self.usage(UsageService(useCases: useCases))
    ) { token async throws(ContractError) in
      do throws(UseCaseFailure) { return try await useCases.resolveCaller(token: token) } catch {
        throw ContractError(error)
      }
    }
  }

  private static func auth(_ service: AuthService) -> [Binding] {
    typealias Method = Opentier_V1_AuthService.Method
    return [
      .unary(Method.SignUp.descriptor, .post, "/auth/signup", service.signUp, authentication: .none),
      .unary(Method.SignIn.descriptor, .post, "/auth/signin", service.signIn, authentication: .none),
      .unary(Method.SignOut.descriptor, .post, "/auth/signout", service.signOut),
      .unary(
        Method.GetMe.descriptor, .get, "/auth/me", service.getMe, scopes: [.chat, .search, .read, .submit, .admin]),
      .unary(Method.DeleteMe.descriptor, .delete, "/auth/me", service.deleteMe),
      .unary(Method.ListSessions.descriptor, .get, "/auth/sessions", service.listSessions),
      .unary(Method.RevokeSession.descriptor, .delete, "/auth/sessions/{sessionId}", service.revokeSession),
      .unary(Method.RevokeAllSessions.descriptor, .delete, "/auth/sessions", service.revokeAllSessions),
    ]
  }

  private static func apiKeys(_ service: ApiKeyService) -> [Binding] {
    typealias Method = Opentier_V1_ApiKeyService.Method
    return [
      .unary(Method.ListApiKeys.descriptor, .get, "/api-keys", service.listApiKeys),
      .unary(Method.CreateApiKey.descriptor, .post, "/api-keys", service.createApiKey),
      .unary(Method.RevokeApiKey.descriptor, .delete, "/api-keys/{apiKeyId}", service.revokeApiKey),
    ]
  }

  private static func conversations(_ service: ConversationService) -> [Binding] {
    typealias Method = Opentier_V1_ConversationService.Method
    let one = "/conversations/{conversationId}"
    return [
      .unary(Method.ListConversations.descriptor, .get, "/conversations", service.listConversations, scopes: [.chat]),
      .unary(
        Method.CreateConversation.descriptor, .post, "/conversations", service.createConversation, scopes: [.chat]),
      .unary(Method.GetConversation.descriptor, .get, one, service.getConversation, scopes: [.chat]),
      .unary(Method.UpdateConversation.descriptor, .patch, one, service.updateConversation, scopes: [.chat]),
      .unary(Method.DeleteConversation.descriptor, .delete, one, service.deleteConversation, scopes: [.chat]),
      .unary(Method.ListMessages.descriptor, .get, one + "/messages", service.listMessages, scopes: [.chat]),
    ]
  }

  private static func memories(_ service: MemoryService) -> [Binding] {
    typealias Method = Opentier_V1_MemoryService.Method
    let one = "/memories/{memoryId}"
    return [
      .unary(Method.ListMemories.descriptor, .get, "/memories", service.listMemories, scopes: [.chat]),
      .unary(Method.CreateMemory.descriptor, .post, "/memories", service.createMemory, scopes: [.chat]),
      .unary(Method.UpdateMemory.descriptor, .patch, one, service.updateMemory, scopes: [.chat]),
      .unary(Method.DeleteMemory.descriptor, .delete, one, service.deleteMemory, scopes: [.chat]),
    ]
  }

  private static func chat(_ service: ChatService) -> [Binding] {
    typealias Method = Opentier_V1_ChatService.Method
    let regenerate = "/conversations/{conversationId}/messages/{messageId}/regenerate"
    return [
      .serverStreaming(
        Method.StreamChat.descriptor, .post, "/chat", service.streamChat, bodyLimit: .chat, scopes: [.chat]),
      .serverStreaming(
        Method.RegenerateMessage.descriptor, .post, regenerate, service.regenerateMessage, scopes: [.chat]),
      .serverStreaming(
        Method.ResumeChat.descriptor, .get, "/chat/{messageId}/events", service.resumeChat, extra: .lastEventID,
        scopes: [.chat]),
      .unary(Method.CancelChat.descriptor, .post, "/chat/{messageId}/cancel", service.cancelChat, scopes: [.chat]),
    ]
  }

  private static func knowledge(_ service: KnowledgeService) -> [Binding] {
    typealias Method = Opentier_V1_KnowledgeService.Method
    let (submission, document) = ("/submissions/{submissionId}", "/documents/{documentId}")
    return [
      .unary(
        Method.CreateSubmission.descriptor, .post, "/submissions", service.createSubmission, bodyLimit: .submission,
        extra: .upload, scopes: [.submit]),
      .unary(
        Method.ListSubmissions.descriptor, .get, "/submissions", service.listSubmissions,
        scopes: [.submit, .admin]),
      .unary(
        Method.GetSubmission.descriptor, .get, submission, service.getSubmission, scopes: [.submit, .admin]),
      .unary(
        Method.ApproveSubmission.descriptor, .post, submission + "/approve", service.approveSubmission, scopes: [.admin]
      ),
      .unary(
        Method.RejectSubmission.descriptor, .post, submission + "/reject", service.rejectSubmission, scopes: [.admin]),
      .unary(Method.ListDocuments.descriptor, .get, "/documents", service.listDocuments, scopes: [.read]),
      .unary(Method.GetDocument.descriptor, .get, document, service.getDocument, scopes: [.read]),
      .unary(Method.DeleteDocument.descriptor, .delete, document, service.deleteDocument, scopes: [.admin]),
      .unary(
        Method.ListDocumentRevisions.descriptor, .get, document + "/revisions", service.listDocumentRevisions,
        scopes: [.read]),
      .unary(
        Method.GetDocumentText.descriptor, .get, document + "/text", service.getDocumentText, extra: .plainText,
        scopes: [.read]),
      .unary(Method.ListJobs.descriptor, .get, "/jobs", service.listJobs, scopes: [.admin]),
      .unary(Method.GetJob.descriptor, .get, "/jobs/{jobId}", service.getJob, scopes: [.submit, .admin]),
      .unary(Method.CancelJob.descriptor, .post, "/jobs/{jobId}/cancel", service.cancelJob, scopes: [.submit, .admin]),
      .unary(Method.RetryJob.descriptor, .post, "/jobs/{jobId}/retry", service.retryJob, scopes: [.admin]),
      .serverStreaming(
        Method.WatchJob.descriptor, .get, "/jobs/{jobId}/events", service.watchJob, scopes: [.submit, .admin]),
    ]
  }

  private static func usage(_ service: UsageService) -> [Binding] {
    typealias Method = Opentier_V1_UsageService.Method
    let budget = "/budgets/{budgetId}"
    return [
      .unary(
        Method.GetUsage.descriptor, .get, "/usage", service.getUsage, scopes: [.chat, .search, .read, .submit, .admin]),
      .unary(Method.ListBudgets.descriptor, .get, "/budgets", service.listBudgets, scopes: [.admin]),
      .unary(Method.SetBudget.descriptor, .post, "/budgets", service.setBudget, scopes: [.admin]),
      .unary(Method.DeleteBudget.descriptor, .delete, budget, service.deleteBudget, scopes: [.admin]),
      .unary(
        Method.OverrideBudget.descriptor, .post, budget + "/override", service.overrideBudget, scopes: [.admin]),
      .unary(
        Method.ListAuditEntries.descriptor, .get, "/audit-entries", service.listAuditEntries, scopes: [.admin]),
    ]
  }

  private static func retrieval(_ service: RetrievalService) -> [Binding] {
    typealias Method = Opentier_V1_RetrievalService.Method
    return [.unary(Method.Search.descriptor, .post, "/search", service.search, scopes: [.search])]
  }
}
