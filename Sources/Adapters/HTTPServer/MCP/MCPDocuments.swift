import Contract
import Domain
import FoundationEssentials
import JSONValues

/// The address of a document, or of a part of its text, as a resource.
struct MCPDocumentAddress: Equatable {
  /// What all addresses begin with.
  static let prefix = "opentier://documents/"
  /// The forms that addresses have (RFC 6570).
  static let templates: [JSONValue] = [
    [
      "uriTemplate": .string(prefix + "{documentId}{?startOffset}"), "name": "document", "title": "A document",
      "description": "The text of the current revision, from a byte on.", "mimeType": "text/plain",
    ],
    [
      "uriTemplate": .string(prefix + "{documentId}/revisions/{revisionId}{?startOffset}"), "name": "revision",
      "title": "A revision of a document", "description": "A text that never changes, from a byte on.",
      "mimeType": "text/plain",
    ],
  ]

  let documentID: String
  var revisionID: String?
  var startOffset = 0

  /// The address.
  var text: String {
    Self.prefix + documentID + (revisionID.map { "/revisions/" + $0 } ?? "")
      + (startOffset > 0 ? "?startOffset=\(startOffset)" : "")
  }
}

extension MCPDocumentAddress {
  /// Reads an address; `nil` when it is none.
  init?(_ uri: String) {
    guard uri.hasPrefix(Self.prefix) else { return nil }
    let parts = uri.dropFirst(Self.prefix.count).split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let path = parts[0].split(separator: "/", omittingEmptySubsequences: false)
    guard DocumentID(String(path[0])) != nil else { return nil }
    documentID = String(path[0])
    switch path.count {
    case 1: break
    case 3 where path[1] == "revisions" && RevisionID(String(path[2])) != nil: revisionID = String(path[2])
    default: return nil
    }
    guard parts.count == 2 else { return }
    let name = "startOffset="
    guard parts[1].hasPrefix(name), let offset = UInt32(parts[1].dropFirst(name.count)) else { return nil }
    startOffset = Int(offset)
  }
}

/// A part of a document's text.
struct MCPDocumentPart {
  let address: MCPDocumentAddress
  let title: String
  let revisionID: String
  let window: TextWindow

  /// Where the rest is; `nil` where there is none.
  var next: MCPDocumentAddress? {
    guard window.endOffset < window.byteCount else { return nil }
    // Of this revision, so that the rest belongs to the beginning even when there is a newer one.
    return MCPDocumentAddress(documentID: address.documentID, revisionID: revisionID, startOffset: window.endOffset)
  }

  /// What `read_document` answers.
  var structured: JSONValue {
    var members: [String: JSONValue] = [
      "documentId": .string(address.documentID), "revisionId": .string(revisionID), "title": .string(title),
      "uri": .string(address.text), "text": .string(String(window.text)),
      "startOffset": .integer(window.startOffset), "endOffset": .integer(window.endOffset),
      "byteCount": .integer(window.byteCount),
    ]
    if next != nil { members["nextOffset"] = .integer(window.endOffset) }
    return .object(members)
  }

  /// What `resources/read` answers.
  func contents(_ uri: String) -> JSONValue {
    var meta: [String: JSONValue] = [
      "title": .string(title), "revisionId": .string(revisionID), "startOffset": .integer(window.startOffset),
      "endOffset": .integer(window.endOffset), "byteCount": .integer(window.byteCount),
    ]
    if let next { meta["nextUri"] = .string(next.text) }
    return [
      "uri": .string(uri), "mimeType": "text/plain", "text": .string(String(window.text)), "_meta": .object(meta),
    ]
  }
}

extension MCPContract {
  /// Reads a part of a document.
  ///
  /// - Throws: a `ContractError`, of `not_found` for a document of another tenant too.
  func read(
    _ address: MCPDocumentAddress, maximumBytes: Int, _ context: CallContext
  ) async throws -> MCPDocumentPart {
    var request: [String: JSONValue] = ["documentId": .string(address.documentID)]
    let document = try await members(Self.document, .object(request), context)
    if let revision = address.revisionID { request["revision"] = .string(revision) }
    guard
      let answer = try await call(Self.text, .object(request), context).message as? Opentier_V1_GetDocumentTextResponse
    else { throw ContractError(.internal, "a text is no text") }
    return MCPDocumentPart(
      address: address, title: document["document"]?.members?["title"]?.string ?? "", revisionID: answer.revisionID,
      window: TextWindow(of: answer.text, from: address.startOffset, maximumBytes: maximumBytes))
  }
}
