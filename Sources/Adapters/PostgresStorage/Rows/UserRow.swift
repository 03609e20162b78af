import Domain

extension User {
  /// Reads a row of `users`.
  init(row: PostgresRow) throws {
    guard let email = EmailAddress(try row.value("email", as: String.self)) else {
      throw UnreadableValue(column: "email")
    }
    self.init(
      id: try row.id("id"), organizationID: try row.id("organization_id"), email: email,
      displayName: try row.value("display_name"), role: try row.enumeration("role"),
      createdAt: try row.time("created_at"), updatedAt: try row.time("updated_at"),
      deletedAt: try row.optionalTime("deleted_at"))
  }
}

extension Session {
  /// What is read of a row of `sessions`.
  static let columns: SQL = """
    id, user_id, organization_id, role, created_at, expires_at, host(ip_address) AS ip_address, user_agent
    """

  /// Reads ``columns``, or a row of `find_session`.
  init(row: PostgresRow) throws {
    self.init(
      id: try row.id("id"), userID: try row.id("user_id"), organizationID: try row.id("organization_id"),
      role: try row.enumeration("role"), createdAt: try row.time("created_at"),
      expiresAt: try row.time("expires_at"), ipAddress: try row.optional("ip_address"),
      userAgent: try row.optional("user_agent"))
  }
}
