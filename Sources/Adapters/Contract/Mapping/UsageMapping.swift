package import Application
package import Domain
import FoundationEssentials
import SwiftProtobuf

extension ReportUsage.Query {
  /// Reads which usage is asked for.
  ///
  /// - Throws: `invalid_argument`.
  init(_ request: Opentier_V1_GetUsageRequest) throws(ContractError) {
    self.init(
      from: request.hasFrom ? try request.from.date("from") : nil, to: request.hasTo ? try request.to.date("to") : nil,
      userID: request.hasUserID ? try UserID(field: "userId", request.userID) : nil,
      page: try PageRequest(
        size: request.hasPageSize ? request.pageSize : nil, token: request.hasPageToken ? request.pageToken : nil))
  }
}

extension Opentier_V1_GetUsageResponse {
  /// What was used.
  init(_ answer: ReportUsage.Answer) {
    self.init()
    let report = answer.report
    total = Opentier_V1_UsageTotals(report.total)
    days = report.days.map { day, totals in
      var message = Opentier_V1_DayUsage()
      message.day = day.text
      message.totals = Opentier_V1_UsageTotals(totals)
      return message
    }
    models = report.models.map { model, totals in
      var message = Opentier_V1_ModelUsage()
      if let model { message.model = model }
      message.totals = Opentier_V1_UsageTotals(totals)
      return message
    }
    users = report.users.map { share in
      var message = Opentier_V1_UserUsage()
      message.userID = share.userID.description
      if let email = share.email { message.email = email }
      message.totals = Opentier_V1_UsageTotals(share.totals)
      return message
    }
    if let next = answer.next { nextPageToken = next.token }
    firstDay = answer.first.text
    lastDay = answer.last.text
    currency = answer.currency
    budgets = answer.budgets.map(Opentier_V1_Budget.init)
  }
}

extension UsageDay {
  /// The date, as ISO 8601 has it.
  package var text: String { start.formatted(.iso8601.year().month().day()) }
}

extension Opentier_V1_UsageTotals {
  init(_ totals: UsageTotals) {
    self.init()
    requests = UInt64(clamping: totals.requests)
    promptTokens = UInt64(clamping: totals.promptTokens)
    completionTokens = UInt64(clamping: totals.completionTokens)
    costMicros = Int64(clamping: totals.cost)
  }
}

extension Opentier_V1_Budget {
  /// A budget as it is.
  init(_ budget: Budget) {
    self.init()
    id = budget.id.description
    if let user = budget.userID { userID = user.description }
    limitMicros = Int64(clamping: budget.limit)
    spentMicros = Int64(clamping: budget.spent)
    reservedMicros = Int64(clamping: budget.reserved)
    periodStart = Google_Protobuf_Timestamp(budget.period.start)
    periodEnd = Google_Protobuf_Timestamp(budget.period.end)
    if let given = budget.override {
      override.expiresAt = Google_Protobuf_Timestamp(given.expiresAt)
      override.reason = given.reason
      override.actorID = given.actor.description
    }
  }
}

extension Opentier_V1_AuditEntry {
  /// An entry of the audit log.
  init(_ entry: AuditEntry) {
    self.init()
    id = entry.id.description
    actorID = entry.actorID.description
    action = entry.action.rawValue
    subjectID = entry.subjectID.lowercaseText
    details.fields = entry.details.mapValues { Google_Protobuf_Value(stringValue: $0) }
    occurredAt = Google_Protobuf_Timestamp(entry.occurredAt)
  }
}

extension UsageTicket {
  /// Reads what a call was admitted with; `nil` where it is not metered.
  ///
  /// - Throws: `invalid_argument` for a ticket that is none.
  package init?(_ caller: Opentier_Intelligence_V1_Caller) throws(ContractError) {
    guard caller.hasUsage else { return nil }
    let usage = caller.usage
    self.init(
      callID: try UsageCallID(field: "caller.usage.callId", usage.callID),
      apiKeyID: usage.hasApiKeyID ? try APIKeyID(field: "caller.usage.apiKeyId", usage.apiKeyID) : nil,
      startedAt: try usage.startedAt.date("caller.usage.startedAt"))
  }
}

extension Opentier_Intelligence_V1_Caller {
  /// A caller of a call that was admitted.
  package init(_ principal: Principal, _ ticket: UsageTicket?) {
    self.init(principal)
    guard let ticket else { return }
    usage.callID = ticket.callID.description
    if let key = ticket.apiKeyID { usage.apiKeyID = key.description }
    usage.startedAt = Google_Protobuf_Timestamp(ticket.startedAt)
  }
}
