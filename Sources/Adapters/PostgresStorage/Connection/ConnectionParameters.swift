import CLibPQ

/// The parts of a database URL as libpq reads them.
struct ConnectionParameters: Sendable {
  /// What the URL names, keyword and value.
  private let named: [(keyword: String, value: String)]

  /// Reads a URL or `key=value` text. libpq's own complaints quote parts of it, so none of them is passed on.
  init(url: String) throws(PostgresConfigurationFailure) {
    guard !url.isEmpty, !url.utf8.contains(0) else { throw Self.malformed }
    try Self.checkAuthority(of: url)
    var complaint: UnsafeMutablePointer<CChar>?
    guard let options = PQconninfoParse(url, &complaint) else {
      PQfreemem(complaint)
      throw Self.malformed
    }
    defer { PQconninfoFree(options) }
    var named: [(keyword: String, value: String)] = []
    var option = options
    while let keyword = option.pointee.keyword {
      if let value = option.pointee.val { named.append((String(cString: keyword), String(cString: value))) }
      option += 1
    }
    self.named = named
    try checkPorts()
  }

  /// The value of a keyword, if the URL names it.
  subscript(keyword: String) -> String? { named.first { $0.keyword == keyword }?.value }

  /// What the connection is opened with.
  ///
  /// A peer that vanishes without a word is noticed within a minute: by probes while a connection waits, by the age of
  /// what was not acknowledged while it sends. The URL may say otherwise.
  func values(applicationName: String) -> [(keyword: String, value: String)] {
    let defaults = [
      ("keepalives_idle", "30"), ("keepalives_interval", "10"), ("keepalives_count", "3"),
      ("tcp_user_timeout", "30000"), ("fallback_application_name", applicationName),
    ]
    return named.filter { $0.keyword != "client_encoding" }
      + defaults.filter { self[$0.0] == nil }.map { (keyword: $0.0, value: $0.1) }
      + [(keyword: "client_encoding", value: "UTF8")]
  }

  /// The text without the password, wherever it stands in it.
  func redacted(_ text: String) -> String {
    guard let password = self["password"], !password.isEmpty else { return text }
    return text.split(separator: password, omittingEmptySubsequences: false).joined(separator: "[password]")
  }

  /// An unescaped `/` or `?` in a password makes libpq take its head for a host and a port, which then stand in
  /// messages: an `@` behind the authority, with none in it, gives that away.
  private static func checkAuthority(of url: String) throws(PostgresConfigurationFailure) {
    guard let scheme = ["postgresql://", "postgres://"].first(where: { url.hasPrefix($0) }) else { return }
    let rest = url.dropFirst(scheme.count)
    let authority = rest.prefix { $0 != "/" && $0 != "?" }
    let path = rest.dropFirst(authority.count).prefix { $0 != "?" }
    let isCutAtQuestionMark = rest.dropFirst(authority.count).first == "?" && !authority.contains("@")
    if !authority.contains("@"), path.contains("@") || isCutAtQuestionMark && rest.contains("@") { throw malformed }
  }

  private func checkPorts() throws(PostgresConfigurationFailure) {
    let ports = (self["port"] ?? "").split(separator: ",")
    guard ports.allSatisfy({ Int($0).map { (1...65535).contains($0) } ?? false }) else {
      throw PostgresConfigurationFailure(
        description: "the database URL's port is not a number from 1 to 65535; in a user name or a password, "
          + "percent-encode characters such as @ : / ? #"
      )
    }
  }

  private static let malformed = PostgresConfigurationFailure(
    description: "the database URL cannot be read; write postgresql://user:password@host:5432/database and "
      + "percent-encode characters such as @ : / ? # in the user name and the password"
  )
}
