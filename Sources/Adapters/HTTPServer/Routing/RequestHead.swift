import Contract
import Domain
import HTTPTypes
import NIOHTTP1
import NIOHTTPTypesHTTP1

/// The head of a request, with the path and the query apart.
struct RequestHead: Sendable {
  let method: String
  let path: String
  let query: String
  /// The server's host and port as the client names them.
  let authority: String?
  private let fields: Fields

  private enum Fields {
    case typed(HTTPFields)
    /// As the parser has them: a request of which few are looked at need not have all of them checked and copied.
    case parsed(HTTPHeaders)
  }

  /// Reads a head.
  init(_ request: HTTPRequest) {
    method = request.method.rawValue
    fields = .typed(request.headerFields)
    authority = request.authority.flatMap { $0.isEmpty ? nil : $0 }
    (path, query) = Self.parts(of: request.path ?? "")
  }

  /// Reads a head as the parser has it.
  ///
  /// - Parameter path: of its target, where that has no query.
  init(_ head: HTTPRequestHead, path: String? = nil) {
    method = head.method.rawValue
    fields = .parsed(head.headers)
    authority = head.headers.first(name: "host").flatMap { $0.isEmpty ? nil : $0 }
    (self.path, query) = path.map { ($0, "") } ?? Self.parts(of: head.uri)
  }

  /// In place of one that nobody needs any more.
  static let forgotten = RequestHead(HTTPRequestHead(version: .http1_1, method: .POST, uri: "/"), path: "/")

  /// The header fields.
  var headers: HTTPFields {
    switch fields {
    case .typed(let fields): fields
    case .parsed(let headers): HTTPFields(headers, splitCookie: false)
    }
  }

  /// A header field; of one that came several times all values, with commas between them (RFC 9110 §5.3).
  subscript(name: HTTPField.Name) -> String? {
    switch fields {
    case .typed(let fields): return fields[name]
    case .parsed(let headers):
      let name = name.canonicalName.utf8
      var found: String?
      for (field, value) in headers where field.utf8.isName(name) {
        found = found.map { $0 + ", " + value } ?? value
      }
      return found
    }
  }

  /// The path and the query of a target, which is a path or, through a proxy, a whole URL (RFC 9112 §3.2).
  static func parts(of target: String) -> (path: String, query: String) {
    var target = Substring(target)
    if !target.hasPrefix("/"), let scheme = target.firstRange(of: "://") {
      target = target[scheme.upperBound...]
      target = target.firstIndex(of: "/").map { target[$0...] } ?? "/"
    }
    let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    return (parts.first.map(String.init) ?? "", parts.count > 1 ? String(parts[1]) : "")
  }

  /// The declared length of the body; `nil` where it is sent in chunks.
  var contentLength: Int? { self[.contentLength].flatMap { Int($0) } }

  /// Whether a body follows.
  var hasBody: Bool { self[.transferEncoding] != nil || (contentLength ?? 0) > 0 }

  /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1).
  var expectsContinue: Bool { self[.expect]?.lowercased() == "100-continue" }

  /// The media type of the body in lower case, without parameters.
  var mediaType: String? { self[.contentType].map(Self.mediaType) }

  /// The part of a media type before its parameters, in lower case.
  static func mediaType(_ value: String) -> String {
    if MediaType.isPlain(value) { return value }
    return (value.split(separator: ";", omittingEmptySubsequences: false).first ?? "")
      .filter { $0 != " " && $0 != "\t" }.lowercased()
  }

  /// The token of `Authorization: Bearer`.
  var bearerToken: String? { CallMetadata.bearerToken(authorization: self[.authorization]) }

  /// The request's id: the client's own, or a new one.
  func requestID() -> String { CallMetadata.requestID(self[.requestID]) }

  /// Whether the client takes a media type: by name, by `*/*`, by its main type, or by saying nothing. A type with
  /// `q=0` is not taken (RFC 9110 §12.5.1).
  func accepts(_ type: String) -> Bool {
    let ranges = headers[values: .accept].flatMap { $0.split(separator: ",") }
    guard !ranges.isEmpty else { return true }
    let main = type.prefix(while: { $0 != "/" })
    return ranges.contains { range in
      let name = Self.mediaType(String(range))
      guard name == type || name == "*/*" || name == "\(main)/*" else { return false }
      return !range.split(separator: ";").dropFirst().contains { parameter in
        let text = parameter.filter { $0 != " " }.lowercased()
        return text.hasPrefix("q=") && Double(text.dropFirst(2)) == 0
      }
    }
  }
}

extension String.UTF8View {
  /// Whether it is the name of a field, which is given in lower case.
  fileprivate func isName(_ name: Self) -> Bool {
    count == name.count && elementsEqual(name) { ($0 | ((0x41...0x5A).contains($0) ? 0x20 : 0)) == $1 }
  }
}
