import Application
import Domain
import GRPCCore
import SwiftProtobuf

/// `opentier.v1.KnowledgeService` over the use cases.
struct KnowledgeService: Opentier_V1_KnowledgeService.SimpleServiceProtocol {
  let useCases: GatewayUseCases

  func createSubmission(
    request: Opentier_V1_CreateSubmissionRequest, context: ServerContext
  ) async throws -> Opentier_V1_CreateSubmissionResponse {
    let content = try SubmissionContent(request)
    var title = request.title
    if !request.hasTitle, let name = content.ownName { title = name }
    let submission = try await useCases.submit(
      SubmitKnowledge.Command(
        title: title, content: content, metadata: request.metadata.metadata,
        documentID: request.hasDocumentID ? DocumentID(field: "documentId", request.documentID) : nil,
        sourceURI: request.hasSourceUri ? request.sourceUri : nil),
      caller())
    var response = Opentier_V1_CreateSubmissionResponse()
    response.submission = Opentier_V1_Submission(submission)
    return response
  }

  func listSubmissions(
    request: Opentier_V1_ListSubmissionsRequest, context: ServerContext
  ) async throws -> Opentier_V1_ListSubmissionsResponse {
    let page = try await useCases.review.list(
      status: request.status.filter(),
      page: PageRequest(
        size: request.hasPageSize ? request.pageSize : nil, token: request.hasPageToken ? request.pageToken : nil),
      caller())
    var response = Opentier_V1_ListSubmissionsResponse()
    response.submissions = page.items.map(Opentier_V1_Submission.init)
    if let next = page.next { response.nextPageToken = next.token }
    return response
  }

  func getSubmission(
    request: Opentier_V1_GetSubmissionRequest, context: ServerContext
  ) async throws -> Opentier_V1_GetSubmissionResponse {
    let reader = try caller()
    let (submission, content) = try await useCases.review.get(
      SubmissionID(of: "submission", request.submissionID), reader)
    var response = Opentier_V1_GetSubmissionResponse()
    response.submission = Opentier_V1_Submission(submission)
    if let excerpt = SubmissionExcerpt(content) {
      response.text = excerpt.text
      response.textTruncated = excerpt.isTruncated
    }
    if let report = try await useCases.review.similar(to: submission, reader) { response.tell(report) }
    return response
  }

  func approveSubmission(
    request: Opentier_V1_ApproveSubmissionRequest, context: ServerContext
  ) async throws -> Opentier_V1_ApproveSubmissionResponse {
    let submission = try await useCases.review.approve(
      SubmissionID(of: "submission", request.submissionID), note: request.hasNote ? request.note : nil, caller())
    var response = Opentier_V1_ApproveSubmissionResponse()
    response.submission = Opentier_V1_Submission(submission)
    if let job = submission.jobID { response.jobID = job.description }
    return response
  }

  func rejectSubmission(
    request: Opentier_V1_RejectSubmissionRequest, context: ServerContext
  ) async throws -> Opentier_V1_RejectSubmissionResponse {
    let submission = try await useCases.review.reject(
      SubmissionID(of: "submission", request.submissionID), note: request.note, caller())
    var response = Opentier_V1_RejectSubmissionResponse()
    response.submission = Opentier_V1_Submission(submission)
    return response
  }
}
