package import Domain
package import FoundationEssentials

/// What a call that was admitted takes with it to whoever does the work, who settles it.
package struct UsageTicket: Hashable, Sendable {
  /// The call's reservation.
  package let callID: UsageCallID
  /// The API key that it shows, if any.
  package let apiKeyID: APIKeyID?
  /// When it began.
  package let startedAt: Date

  /// Makes a ticket.
  package init(callID: UsageCallID, apiKeyID: APIKeyID?, startedAt: Date) {
    self.callID = callID
    self.apiKeyID = apiKeyID
    self.startedAt = startedAt
  }
}
