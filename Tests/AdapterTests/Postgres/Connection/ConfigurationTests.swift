import Testing

@testable import PostgresStorage

@Suite("The configuration of the PostgreSQL connections")
struct ConfigurationTests {
  @Test(
    "a URL that libpq reads is taken",
    arguments: [
      "postgresql://host/name", "postgres://user:p%40ss%2Fword@host:5433/name?sslmode=verify-full&sslrootcert=/a.pem",
      "postgresql:///name?host=/var/run/postgresql", "host=localhost dbname=name user='a b'",
      "postgresql://a:1,b:2/name?target_session_attrs=read-write", "postgresql://user@host/name?options=-c%20a.b%3Dc@d",
    ]
  )
  func accepted(url: String) throws {
    #expect(try PostgresConfiguration(url: url).url == url)
  }

  @Test(
    "a URL that cannot be read is refused without a word of it",
    arguments: [
      "", "secret", "mysql://user:secret@host/name", "postgresql://user:secret@host:port/name",
      "postgresql://user:secret/42@host/name", "postgresql://user:12/secret@host/name",
      "postgresql://user:1?secret@host/name", "postgresql://user:secret@host:0/name",
      "postgresql://host/name?secret=1", "postgresql://host/name\0secret", "host=a secret",
      "postgresql://user:secret@host:99999/name", "postgresql://[secret/name",
    ]
  )
  func refused(url: String) {
    let failure = #expect(throws: PostgresConfigurationFailure.self) { try PostgresConfiguration(url: url) }
    #expect(failure?.description.contains("secret") == false)
    #expect(failure?.description.contains("percent-encode") == true)
  }

  @Test("the encoding is always UTF-8, and a URL's own settings go before the defaults")
  func values() throws {
    let url = "postgresql://host/name?client_encoding=LATIN1&keepalives_idle=7&application_name=theirs"
    let values = try PostgresConfiguration(url: url).parameters.values(applicationName: "opentier")
    #expect(values.filter { $0.keyword == "client_encoding" }.map(\.value) == ["UTF8"])
    #expect(values.filter { $0.keyword == "keepalives_idle" }.map(\.value) == ["7"])
    #expect(values.contains { $0 == ("application_name", "theirs") })
    #expect(values.contains { $0 == ("fallback_application_name", "opentier") })
  }

  @Test("a password is taken out of what is told to the operator")
  func redaction() throws {
    let parameters = try PostgresConfiguration(url: "postgresql://user:s%40crt@host/name").parameters
    #expect(parameters.redacted("user user, password s@crt, s@crt") == "user user, password [password], [password]")
  }

  @Test(
    "the reason why connecting failed is read from libpq's text",
    arguments: [
      (
        "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  28P01: password authentication failed\n"
          + "LOCATION:  auth_failed, auth.c:326\n", PostgresConnectionFailure.refused(sqlState: "28P01")
      ),
      ("connection to server at \"::1\", port 5432 failed: Connection refused\n", .unreachable),
      ("could not translate host name \"nowhere\" to address: Name or service not known\n", .unknownHost),
      ("connection to server at \"h\" failed: server does not support SSL, but SSL was required\n", .tlsRefused),
      ("connection to server at \"h\" failed: SSL error: certificate verify failed\n", .tlsRefused),
      ("root certificate file \"/ca.pem\" does not exist\n", .tlsRefused),
      ("connection to server at \"ssl.test\" (::1), port 5432 failed: Connection refused\n", .unreachable),
      ("connection to server at \"h\" failed: received invalid response to SSL negotiation: H\n", .unreachable),
      (
        "connection to server at \"a\" failed: Connection refused\nconnection to server at \"b\" failed: "
          + "SCHWERWIEGEND:  57P03: das Datenbanksystem startet\n", .refused(sqlState: "57P03")
      ),
    ]
  )
  func connectionFailures(text: String, failure: PostgresConnectionFailure) {
    #expect(PostgresConnectionFailure(connecting: text) == failure)
  }
}
