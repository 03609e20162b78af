import Domain
import Logging
package import ServiceContextModule

extension ServiceContext {
  private enum LogMetadataKey: ServiceContextKey {
    typealias Value = Logger.MetadataProvider
    static var nameOverride: String? { "log_metadata" }
  }

  /// Has the log lines of a call say which it is, on every wire, and whose, once that is known: `request_id`, `user_id` and
  /// `organization_id`.
  package mutating func setLogMetadata(of call: CallContext) {
    self[LogMetadataKey.self] = Logger.MetadataProvider {
      var metadata: Logger.Metadata = ["request_id": .string(call.requestID)]
      if let caller = call.principal {
        metadata["user_id"] = .string(caller.userID.description)
        metadata["organization_id"] = .string(caller.organizationID.description)
      }
      return metadata
    }
  }
}
