import Application
import Domain
import GRPCCore

extension KnowledgeService {
  func listJobs(
    request: Opentier_V1_ListJobsRequest, context: ServerContext
  ) async throws -> Opentier_V1_ListJobsResponse {
    let page = try await useCases.jobs.list(
      state: request.state.filter(),
      page: PageRequest(
        size: request.hasPageSize ? request.pageSize : nil, token: request.hasPageToken ? request.pageToken : nil),
      caller())
    var response = Opentier_V1_ListJobsResponse()
    response.jobs = page.items.map(Opentier_V1_Job.init)
    if let next = page.next { response.nextPageToken = next.token }
    return response
  }

  func getJob(
    request: Opentier_V1_GetJobRequest, context: ServerContext
  ) async throws -> Opentier_V1_GetJobResponse {
    var response = Opentier_V1_GetJobResponse()
    response.job = Opentier_V1_Job(try await useCases.jobs.get(JobID(of: "job", request.jobID), caller()))
    return response
  }

  func cancelJob(
    request: Opentier_V1_CancelJobRequest, context: ServerContext
  ) async throws -> Opentier_V1_CancelJobResponse {
    var response = Opentier_V1_CancelJobResponse()
    response.job = Opentier_V1_Job(try await useCases.cancelJob(JobID(of: "job", request.jobID), caller()))
    return response
  }

  func retryJob(
    request: Opentier_V1_RetryJobRequest, context: ServerContext
  ) async throws -> Opentier_V1_RetryJobResponse {
    var response = Opentier_V1_RetryJobResponse()
    response.job = Opentier_V1_Job(try await useCases.retryJob(JobID(of: "job", request.jobID), caller()))
    return response
  }

  func watchJob(
    request: Opentier_V1_WatchJobRequest, response: RPCWriter<Opentier_V1_WatchJobResponse>,
    context: ServerContext
  ) async throws {
    try await useCases.jobs.watch(JobID(of: "job", request.jobID), caller()) { job throws(UseCaseFailure) in
      do { try await response.write(Opentier_V1_WatchJobResponse(job)) } catch { throw .cancelled }
    }
  }
}
