import Contract
import FoundationEssentials
import HTTPTypes
import NIOCore
import SwiftProtobuf

/// Reads a submission from a form: the parts `file` or, for JSON Lines of which each line is a document, `records` (one of
/// them required), `title`, `metadata` (JSON), `documentId`, `sourceUri`.
///
/// A large file goes to the disk as it comes in: what uploads keep in memory does not grow with their sizes.
struct SubmissionUpload {
  /// The most bytes of a part that is no file: 64 KiB.
  static let maximumFieldBytes = 64 << 10

  /// The parts that are files.
  private static let files: Set<String> = ["file", "records"]

  let limits: HTTPLimits

  private struct Part {
    let name: String
    let fileName: String?
    let mediaType: String?
    let bytes = UploadSpool()
  }

  /// The message that the form stands for.
  ///
  /// - Throws: `invalid_argument` for anything that is no such form; an ``HTTPRefusal`` of 413 for a part beyond its
  ///   limit.
  func read(
    from body: inout BodyReader, head: RequestHead
  ) async throws -> Opentier_V1_CreateSubmissionRequest {
    let boundary = ContentType.parameter("boundary", of: head[.contentType] ?? "") ?? ""
    guard var parser = MultipartParser(boundary: boundary) else {
      throw ContractError(.invalidArgument, "multipart/form-data needs a boundary of 1 to 70 characters")
    }
    let overhead = MultipartParser.maximumParts * (Self.maximumFieldBytes + MultipartParser.maximumHeaderBytes)
    if let length = head.contentLength, length > limits.uploadedFile + overhead {
      throw HTTPRefusal.tooLarge(limit: limits.uploadedFile)
    }
    var request = Opentier_V1_CreateSubmissionRequest()
    var seen: Set<String> = []
    var current: Part?
    while !parser.isAtEnd, let buffer = try await body.next() {
      for event in try Self.events(&parser, buffer) {
        switch event {
        case .began(let headers):
          let part = try Self.part(headers)
          guard seen.insert(part.name).inserted else {
            throw ContractError.invalidPart(part.name, "comes twice")
          }
          current = part
        case .data(let bytes):
          guard let part = current else { continue }
          let limit = Self.files.contains(part.name) ? limits.uploadedFile : Self.maximumFieldBytes
          guard part.bytes.count + bytes.count <= limit else { throw HTTPRefusal.tooLarge(limit: limit) }
          try await part.bytes.append(bytes)
        case .ended:
          if let part = current { try Self.add(part, to: &request) }
          current = nil
        }
      }
    }
    guard parser.isAtEnd else { throw ContractError(.invalidArgument, "the form ends before its last boundary") }
    guard seen.intersection(Self.files).count == 1 else {
      throw ContractError.invalidPart("file", "must be given, or records")
    }
    // What stands behind the last boundary means nothing.
    _ = await body.drain(upTo: Self.maximumFieldBytes)
    return request
  }

  private static func events(
    _ parser: inout MultipartParser, _ buffer: ByteBuffer
  ) throws(ContractError) -> [MultipartParser.Event] {
    do { return try parser.feed(buffer.readableBytesView) } catch {
      switch error {
      case .malformed(let how): throw ContractError(.invalidArgument, "the form is malformed: \(how)")
      case .headersTooLong:
        throw ContractError(
          .invalidArgument, "the header of a part may have at most \(MultipartParser.maximumHeaderBytes) bytes")
      case .tooManyParts:
        throw ContractError(.invalidArgument, "the form may have at most \(MultipartParser.maximumParts) parts")
      }
    }
  }

  private static func part(_ headers: [String: String]) throws(ContractError) -> Part {
    let disposition = headers["content-disposition"] ?? ""
    guard RequestHead.mediaType(disposition) == "form-data", let name = ContentType.parameter("name", of: disposition)
    else {
      throw ContractError(.invalidArgument, #"each part needs Content-Disposition: form-data; name="…""#)
    }
    guard Self.files.contains(name) || ["title", "metadata", "documentId", "sourceUri"].contains(name) else {
      throw ContractError(.invalidArgument, "the form has no part \(JSONText.quoted(String(name.prefix(100))))")
    }
    let fileName = ContentType.parameter("filename", of: disposition)
    if files.contains(name), fileName == nil {
      throw ContractError.invalidPart(name, "must be a file, with a filename")
    }
    return Part(name: name, fileName: fileName, mediaType: headers["content-type"])
  }

  private static func add(
    _ part: Part, to request: inout Opentier_V1_CreateSubmissionRequest
  ) throws {
    let bytes = try part.bytes.finish()
    if files.contains(part.name) {
      var file = Opentier_V1_UploadedFile()
      // A browser may send a path; only its last part is the name (RFC 7578 §4.2).
      file.name = part.fileName?.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init) ?? ""
      if let type = part.mediaType { file.mediaType = type }
      file.data = bytes
      if part.name == "file" { request.file = file } else { request.records = file }
      return
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw ContractError.invalidPart(part.name, "must be UTF-8")
    }
    switch part.name {
    case "title": request.title = text
    case "documentId": request.documentID = text
    case "sourceUri": request.sourceUri = text
    default:
      var options = JSONDecodingOptions()
      options.messageDepthLimit = IncomingMessage.maximumDepth
      do { request.metadata = try Google_Protobuf_Struct(jsonString: text, options: options) } catch {
        throw ContractError.invalidPart("metadata", "must be a JSON object")
      }
    }
  }
}

extension ContractError {
  fileprivate static func invalidPart(_ name: String, _ rule: String) -> ContractError {
    ContractError(.invalidArgument, "\(name) \(rule)", details: [FieldViolation(name, rule)])
  }
}
