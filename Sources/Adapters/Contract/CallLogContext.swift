package import Domain
package import ServiceContextModule

// What log lines say of the request that they belong to, on every wire: a metadata provider finds these by their names.
extension ServiceContext {
  private enum RequestIDKey: ServiceContextKey {
    typealias Value = String
    static var nameOverride: String? { "request_id" }
  }

  private enum UserIDKey: ServiceContextKey {
    typealias Value = UserID
    static var nameOverride: String? { "user_id" }
  }

  private enum OrganizationIDKey: ServiceContextKey {
    typealias Value = OrganizationID
    static var nameOverride: String? { "organization_id" }
  }

  /// The request's id.
  package var requestID: String? {
    get { self[RequestIDKey.self] }
    set { self[RequestIDKey.self] = newValue }
  }

  /// The caller's id.
  package var userID: UserID? {
    get { self[UserIDKey.self] }
    set { self[UserIDKey.self] = newValue }
  }

  /// The id of the caller's organisation.
  package var organizationID: OrganizationID? {
    get { self[OrganizationIDKey.self] }
    set { self[OrganizationIDKey.self] = newValue }
  }
}

extension CallContext {
  /// Runs a part of the call with its caller in the context of logs.
  package func withCallerInLogs<Value>(_ body: () async throws -> Value) async throws -> Value {
    try await ServiceContext.withValue(withCaller(ServiceContext.current ?? .topLevel)) { try await body() }
  }

  /// A context with the caller in it.
  package func withCaller(_ context: ServiceContext) -> ServiceContext {
    guard let principal else { return context }
    var context = context
    context.userID = principal.userID
    context.organizationID = principal.organizationID
    return context
  }
}
