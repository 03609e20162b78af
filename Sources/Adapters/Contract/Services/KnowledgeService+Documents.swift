import Application
import Domain
import GRPCCore

extension KnowledgeService {
  func listDocuments(
    request: Opentier_V1_ListDocumentsRequest, context: ServerContext
  ) async throws -> Opentier_V1_ListDocumentsResponse {
    let page = try await useCases.documents.list(
      page: PageRequest(
        size: request.hasPageSize ? request.pageSize : nil, token: request.hasPageToken ? request.pageToken : nil),
      caller())
    var response = Opentier_V1_ListDocumentsResponse()
    response.documents = page.items.map(Opentier_V1_Document.init)
    if let next = page.next { response.nextPageToken = next.token }
    return response
  }

  func getDocument(
    request: Opentier_V1_GetDocumentRequest, context: ServerContext
  ) async throws -> Opentier_V1_GetDocumentResponse {
    var response = Opentier_V1_GetDocumentResponse()
    response.document = Opentier_V1_Document(
      try await useCases.documents.get(DocumentID(of: "document", request.documentID), caller()))
    return response
  }

  func deleteDocument(
    request: Opentier_V1_DeleteDocumentRequest, context: ServerContext
  ) async throws -> Opentier_V1_DeleteDocumentResponse {
    try await useCases.documents.delete(DocumentID(of: "document", request.documentID), caller())
    return Opentier_V1_DeleteDocumentResponse()
  }

  func listDocumentRevisions(
    request: Opentier_V1_ListDocumentRevisionsRequest, context: ServerContext
  ) async throws -> Opentier_V1_ListDocumentRevisionsResponse {
    var response = Opentier_V1_ListDocumentRevisionsResponse()
    response.revisions = try await useCases.documents
      .revisions(of: DocumentID(of: "document", request.documentID), caller())
      .map(Opentier_V1_DocumentRevision.init)
    return response
  }

  func getDocumentText(
    request: Opentier_V1_GetDocumentTextRequest, context: ServerContext
  ) async throws -> Opentier_V1_GetDocumentTextResponse {
    let (revision, text) = try await useCases.documents.text(
      of: DocumentID(of: "document", request.documentID),
      revision: request.hasRevision ? RevisionID(of: "revision", request.revision) : nil, caller())
    var response = Opentier_V1_GetDocumentTextResponse()
    response.text = text
    response.revisionID = revision.id.description
    response.contentHash = revision.contentHash.hexadecimal
    return response
  }
}
