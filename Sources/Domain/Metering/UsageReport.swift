package import FoundationEssentials

/// What was used together.
package struct UsageTotals: Hashable, Sendable {
  /// Calls of models.
  package var requests = 0
  /// Tokens that went in.
  package var promptTokens = 0
  /// Tokens that came out.
  package var completionTokens = 0
  /// What it cost, in millionths of the currency.
  package var cost = 0

  /// Makes totals.
  package init(requests: Int = 0, promptTokens: Int = 0, completionTokens: Int = 0, cost: Int = 0) {
    self.requests = requests
    self.promptTokens = promptTokens
    self.completionTokens = completionTokens
    self.cost = cost
  }

  /// Adds a call.
  package mutating func add(_ record: UsageRecord) {
    requests += 1
    promptTokens += record.usage.promptTokens
    completionTokens += record.usage.completionTokens
    cost += record.cost
  }
}

/// What was used in a time, by days, models and users.
package struct UsageReport: Sendable {
  /// The most models that are told, those that cost and used most.
  package static let maximumModels = 200

  /// What a user used.
  package struct UserShare: Hashable, Sendable {
    /// The user.
    package let userID: UserID
    /// Their address; `nil` where there is no such account.
    package let email: String?
    /// What they used.
    package let totals: UsageTotals

    /// Makes a share.
    package init(userID: UserID, email: String?, totals: UsageTotals) {
      self.userID = userID
      self.email = email
      self.totals = totals
    }
  }

  /// All of it.
  package let total: UsageTotals
  /// By days on which something was used, oldest first.
  package let days: [(day: UsageDay, totals: UsageTotals)]
  /// By the model that answered, those that cost most first, then those that used most; `nil` where none answered.
  package let models: [(model: String?, totals: UsageTotals)]
  /// A page of the users, in the same order.
  package let users: [UserShare]
  /// How many users come before the next page; `nil` on the last.
  package let nextUser: Int?

  /// Makes a report of its parts.
  package init(
    total: UsageTotals, days: [(day: UsageDay, totals: UsageTotals)],
    models: [(model: String?, totals: UsageTotals)], users: [UserShare], nextUser: Int?
  ) {
    self.total = total
    self.days = days
    self.models = models
    self.users = users
    self.nextUser = nextUser
  }
}

/// Which usage is reported.
package struct UsageQuery: Hashable, Sendable {
  /// The tenant.
  package let organizationID: OrganizationID
  /// Whose calls; `nil` for all of the tenant's.
  package let userID: UserID?
  /// The first day.
  package let first: UsageDay
  /// The last day.
  package let last: UsageDay
  /// How many users come before those that are told.
  package let usersAfter: Int
  /// How many users are told.
  package let maximumUsers: Int

  /// Makes a query.
  package init(
    organizationID: OrganizationID, userID: UserID?, first: UsageDay, last: UsageDay, usersAfter: Int = 0,
    maximumUsers: Int = PageRequest.defaultSize
  ) {
    self.organizationID = organizationID
    self.userID = userID
    self.first = first
    self.last = last
    self.usersAfter = usersAfter
    self.maximumUsers = maximumUsers
  }
}

/// Names an entry of the audit log.
package typealias AuditEntryID = Identifier<AuditEntry>

/// Something that somebody decided, which is kept as it is.
package struct AuditEntry: Hashable, Sendable {
  /// What was done.
  package enum Action: String, CaseIterable, Sendable {
    /// A budget was made or got another amount.
    case budgetSet = "budget.set"
    /// A budget was removed.
    case budgetDeleted = "budget.deleted"
    /// Calls may pass beyond a budget's stop for a time.
    case budgetOverridden = "budget.overridden"
    /// They no longer may.
    case budgetOverrideEnded = "budget.override_ended"
  }

  /// Its id.
  package let id: AuditEntryID
  /// The tenant.
  package let organizationID: OrganizationID
  /// Who did it.
  package let actorID: UserID
  /// What was done.
  package let action: Action
  /// To what; the action says what that is.
  package let subjectID: UUID
  /// More about it, as text.
  package let details: [String: String]
  /// When.
  package let occurredAt: Date

  /// Makes an entry of its parts.
  package init(
    id: AuditEntryID, organizationID: OrganizationID, actorID: UserID, action: Action, subjectID: UUID,
    details: [String: String], occurredAt: Date
  ) {
    self.id = id
    self.organizationID = organizationID
    self.actorID = actorID
    self.action = action
    self.subjectID = subjectID
    self.details = details
    self.occurredAt = occurredAt
  }
}

extension AuditEntry {
  /// The same, about something that was made or found with it.
  package func about<Entity>(_ subject: Identifier<Entity>) -> AuditEntry {
    AuditEntry(
      id: id, organizationID: organizationID, actorID: actorID, action: action, subjectID: subject.uuid,
      details: details, occurredAt: occurredAt)
  }
}
