import Application
import Domain
import GRPCCore
import SwiftProtobuf

/// `opentier.v1.UsageService` over the use cases.
struct UsageService: Opentier_V1_UsageService.SimpleServiceProtocol {
  let useCases: GatewayUseCases

  func getUsage(
    request: Opentier_V1_GetUsageRequest, context: ServerContext
  ) async throws -> Opentier_V1_GetUsageResponse {
    Opentier_V1_GetUsageResponse(try await useCases.reportUsage(ReportUsage.Query(request), caller()))
  }

  func listBudgets(
    request: Opentier_V1_ListBudgetsRequest, context: ServerContext
  ) async throws -> Opentier_V1_ListBudgetsResponse {
    let page = try await useCases.budgets.list(
      page: PageRequest(
        size: request.hasPageSize ? request.pageSize : nil, token: request.hasPageToken ? request.pageToken : nil),
      caller())
    var response = Opentier_V1_ListBudgetsResponse()
    response.budgets = page.items.map(Opentier_V1_Budget.init)
    if let next = page.next { response.nextPageToken = next.token }
    return response
  }

  func setBudget(
    request: Opentier_V1_SetBudgetRequest, context: ServerContext
  ) async throws -> Opentier_V1_SetBudgetResponse {
    guard request.hasLimitMicros else { throw ContractError.invalid("limitMicros", "must be given") }
    let user = request.hasUserID ? try UserID(field: "userId", request.userID) : nil
    var response = Opentier_V1_SetBudgetResponse()
    response.budget = Opentier_V1_Budget(
      try await useCases.budgets.set(Int(clamping: request.limitMicros), for: user, caller()))
    return response
  }

  func deleteBudget(
    request: Opentier_V1_DeleteBudgetRequest, context: ServerContext
  ) async throws -> Opentier_V1_DeleteBudgetResponse {
    try await useCases.budgets.delete(BudgetID(of: "budget", request.budgetID), caller())
    return Opentier_V1_DeleteBudgetResponse()
  }

  func overrideBudget(
    request: Opentier_V1_OverrideBudgetRequest, context: ServerContext
  ) async throws -> Opentier_V1_OverrideBudgetResponse {
    guard request.hasExpiresAt else { throw ContractError.invalid("expiresAt", "must be given") }
    var response = Opentier_V1_OverrideBudgetResponse()
    response.budget = Opentier_V1_Budget(
      try await useCases.budgets.override(
        BudgetID(of: "budget", request.budgetID), until: request.expiresAt.date("expiresAt"), reason: request.reason,
        caller()))
    return response
  }

  func listAuditEntries(
    request: Opentier_V1_ListAuditEntriesRequest, context: ServerContext
  ) async throws -> Opentier_V1_ListAuditEntriesResponse {
    let page = try await useCases.budgets.auditEntries(
      page: PageRequest(
        size: request.hasPageSize ? request.pageSize : nil, token: request.hasPageToken ? request.pageToken : nil),
      caller())
    var response = Opentier_V1_ListAuditEntriesResponse()
    response.entries = page.items.map(Opentier_V1_AuditEntry.init)
    if let next = page.next { response.nextPageToken = next.token }
    return response
  }
}
