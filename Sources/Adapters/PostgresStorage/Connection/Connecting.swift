import CLibPQ
import Dispatch
import Glibc

/// One attempt to connect, driven on the queue that the connection will live on.
struct Connecting {
  private let configuration: PostgresConfiguration
  private let diagnostics: PostgresDiagnostics
  private let queue: DispatchQueue

  init(_ configuration: PostgresConfiguration, _ diagnostics: @escaping PostgresDiagnostics, on queue: DispatchQueue) {
    self.configuration = configuration
    self.diagnostics = diagnostics
    self.queue = queue
  }

  /// Connects; the caller runs on the queue.
  func session() async throws -> LibPQSession {
    let deadline = DispatchTime.now() + configuration.connectTimeout
    let notices = NoticeReceiver(diagnostics)
    guard let handle = start() else { throw failed(.unreachable, "libpq is out of memory") }
    var isKept = false
    defer { if !isKept { PQfinish(handle) } }
    notices.attach(to: handle)
    // Verbose messages carry the SQLSTATE, which libpq gives no other access to while it connects.
    PQsetErrorVerbosity(handle, PQERRORS_VERBOSE)
    if PQstatus(handle) == CONNECTION_BAD { throw failure(of: handle) }
    var direction = SocketWait.Direction.write
    polling: while true {
      guard try await SocketWait.ready(PQsocket(handle), for: direction, until: deadline, on: queue) else {
        throw failed(.connectTimeout, "no answer within \(configuration.connectTimeout) s")
      }
      switch PQconnectPoll(handle) {
      case PGRES_POLLING_READING: direction = .read
      case PGRES_POLLING_WRITING: direction = .write
      case PGRES_POLLING_OK: break polling
      default: throw failure(of: handle)
      }
    }
    guard PQsetnonblocking(handle, 1) == 0, PQenterPipelineMode(handle) == 1,
      let session = LibPQSession(handle, notices: notices)
    else { throw failed(.unreachable, "libpq refused its non-blocking mode") }
    // From here on results carry the SQLSTATE, and texts for the log need no rows' values in their details.
    PQsetErrorVerbosity(handle, PQERRORS_TERSE)
    isKept = true
    return session
  }

  private func start() -> OpaquePointer? {
    let values = configuration.parameters.values(applicationName: configuration.applicationName)
    let keywords = values.map { strdup($0.keyword) } + [nil]
    let texts = values.map { strdup($0.value) } + [nil]
    defer { for text in keywords + texts { free(text) } }
    return PQconnectStartParams(keywords.map { UnsafePointer($0) }, texts.map { UnsafePointer($0) }, 0)
  }

  private func failure(of handle: OpaquePointer) -> PostgresConnectionFailure {
    let text = PQerrorMessage(handle).map { String(cString: $0) } ?? ""
    return failed(PostgresConnectionFailure(connecting: text), text)
  }

  private func failed(_ failure: PostgresConnectionFailure, _ detail: String) -> PostgresConnectionFailure {
    diagnostics(.connectionFailed(failure, detail: configuration.parameters.redacted(detail)))
    return failure
  }
}

extension PostgresConnectionFailure {
  /// Reads the reason from libpq's verbose text: what the server said has its SQLSTATE behind the severity, as in
  /// `FATAL:  28P01: password …`. libpq's own texts have none; they are English as long as no locale is set.
  init(connecting text: String) {
    if let sqlState = Self.sqlState(in: text) {
      self = .refused(sqlState: sqlState)
      return
    }
    // What stands before the last `failed: ` names the host, which may be called anything.
    let reason = (text.split(separator: "failed: ").last ?? "").lowercased()
    if text.hasPrefix("could not translate host name") {
      self = .unknownHost
    } else if reason.contains("invalid response to ssl negotiation") {
      // Something else than PostgreSQL answers there.
      self = .unreachable
    } else if ["ssl", "tls", "certificate"].contains(where: reason.contains) {
      self = .tlsRefused
    } else {
      self = .unreachable
    }
  }

  /// The last one, as libpq lists the failures of all addresses that it tried.
  private static func sqlState(in text: String) -> String? {
    let bytes = Array(text.utf8)
    let isCode = { (byte: UInt8) in (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) }
    guard bytes.count >= 9 else { return nil }
    for start in stride(from: bytes.count - 9, through: 0, by: -1)
    where bytes[start] == 0x3A && bytes[start + 1] == 0x20 && bytes[start + 2] == 0x20 && bytes[start + 8] == 0x3A
      && bytes[(start + 3)..<(start + 8)].allSatisfy(isCode)
    {
      return String(decoding: bytes[(start + 3)..<(start + 8)], as: UTF8.self)
    }
    return nil
  }
}
