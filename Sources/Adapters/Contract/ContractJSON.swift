package import Domain
package import Application
import SwiftProtobuf

/// Domain values as the contract's JSON, for what prints the same shapes as the wires do.
package enum ContractJSON {
  /// A search hit as `SearchHit`, on one line.
  package static func text(_ hit: SearchHit) throws -> String { try Opentier_V1_SearchHit(hit).jsonString() }

  /// An account as `User`, on one line.
  package static func text(_ user: User) throws -> String { try Opentier_V1_User(user).jsonString() }

  /// An API key as `ApiKey`, on one line.
  package static func text(_ key: APIKey) throws -> String { try Opentier_V1_ApiKey(key).jsonString() }

  /// A new API key with its secret as `CreateApiKeyResponse`, on one line.
  package static func text(_ created: ManageAPIKeys.Created) throws -> String {
    try Opentier_V1_CreateApiKeyResponse(created).jsonString()
  }

  /// What was used as `GetUsageResponse`, on one line.
  package static func text(_ answer: ReportUsage.Answer) throws -> String {
    try Opentier_V1_GetUsageResponse(answer).jsonString()
  }

  /// A budget as `Budget`, on one line.
  package static func text(_ budget: Budget) throws -> String { try Opentier_V1_Budget(budget).jsonString() }

  /// An entry of the audit log as `AuditEntry`, on one line.
  package static func text(_ entry: AuditEntry) throws -> String { try Opentier_V1_AuditEntry(entry).jsonString() }

  /// A job as `Job`, on one line.
  package static func text(_ job: IngestionJob) throws -> String { try Opentier_V1_Job(job).jsonString() }

  /// A submission as `Submission`, on one line.
  package static func text(_ submission: KnowledgeSubmission) throws -> String {
    try Opentier_V1_Submission(submission).jsonString()
  }

  /// A submission with what it is like as `GetSubmissionResponse`, on one line, without its text.
  package static func text(_ submission: KnowledgeSubmission, like report: SimilarityReport) throws -> String {
    var response = Opentier_V1_GetSubmissionResponse()
    response.submission = Opentier_V1_Submission(submission)
    response.tell(report)
    return try response.jsonString()
  }

  /// A checked citation as `Citation`.
  package static func text(_ citation: Citation) throws -> String { try Opentier_V1_Citation(citation).jsonString() }

  /// A passage that a model was given, as `Source`.
  package static func text(_ source: Source) throws -> String { try Opentier_V1_Source(source).jsonString() }

  /// An event of an answer as `StreamChatResponse`, on one line.
  package static func text(_ event: ChatEvent) throws -> String {
    try Opentier_V1_StreamChatResponse(event).jsonString()
  }
}
