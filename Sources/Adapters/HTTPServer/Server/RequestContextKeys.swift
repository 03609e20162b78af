import ServiceContextModule

// What log lines say of the request that they belong to: a metadata provider finds these by their names.
extension ServiceContext {
  private enum RequestIDKey: ServiceContextKey {
    typealias Value = String
    static var nameOverride: String? { "request_id" }
  }

  private enum UserIDKey: ServiceContextKey {
    typealias Value = String
    static var nameOverride: String? { "user_id" }
  }

  private enum OrganizationIDKey: ServiceContextKey {
    typealias Value = String
    static var nameOverride: String? { "organization_id" }
  }

  /// The request's id.
  var requestID: String? {
    get { self[RequestIDKey.self] }
    set { self[RequestIDKey.self] = newValue }
  }

  /// The caller's id.
  var userID: String? {
    get { self[UserIDKey.self] }
    set { self[UserIDKey.self] = newValue }
  }

  /// The id of the caller's organisation.
  var organizationID: String? {
    get { self[OrganizationIDKey.self] }
    set { self[OrganizationIDKey.self] = newValue }
  }
}
