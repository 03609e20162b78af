import Contract
import EmbeddedFiles
import FoundationEssentials
import HTTPTypes
import NIOCore

/// The files of the web client, at the paths that they have below `web/`; `index.html` is also `/`.
///
/// Every file is a route of its own, so that no path is ever put together from a request.
struct StaticFiles {
  /// The routes, by path.
  let routes: [(path: String, endpoint: @Sendable (RequestHead) async -> Answer)]

  /// Makes routes of files.
  init(_ files: [(path: String, data: Data)]) {
    var routes: [(path: String, endpoint: @Sendable (RequestHead) async -> Answer)] = []
    for file in files {
      let path = "/" + file.path.drop(while: { $0 != "/" }).drop(while: { $0 == "/" })
      let endpoint = Self.endpoint(type: Self.type(of: file.path), data: file.data)
      routes.append((path, endpoint))
      if path == "/index.html" { routes.append(("/", endpoint)) }
    }
    self.routes = routes
  }

  private static func endpoint(
    type: String, data: Data
  ) -> @Sendable (RequestHead) async -> Answer {
    let body = ByteBuffer(bytes: data)
    let tag = "\"\(String(fingerprint(data), radix: 16))-\(data.count)\""
    return { head in
      var answer = Answer(type: type, body: body)
      answer.headers[.eTag] = tag
      // The browser asks each time, and is told quickly that nothing has changed.
      answer.headers[.cacheControl] = "no-cache"
      if let field = head[.ifNoneMatch], EntityTag.matches(tag, in: field) {
        answer.status = .notModified
        answer.body = ByteBuffer()
      }
      return answer
    }
  }

  /// FNV-1a, 64 bits (draft-eastlake-fnv): tells the builds of a file apart, and keeps no secret.
  private static func fingerprint(_ data: Data) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in data { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return hash
  }

  private static let types = [
    "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8", "json": "application/json", "map": "application/json",
    "webmanifest": "application/manifest+json", "svg": "image/svg+xml", "png": "image/png", "jpg": "image/jpeg",
    "webp": "image/webp", "ico": "image/x-icon", "txt": "text/plain; charset=utf-8", "woff2": "font/woff2",
  ]

  private static func type(of path: String) -> String {
    types[path.split(separator: ".").last.map { $0.lowercased() } ?? ""] ?? "application/octet-stream"
  }
}
