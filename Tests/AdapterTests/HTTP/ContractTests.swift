import Application
import Domain
import Foundation
import SwiftProtobuf
import Testing

@testable import Contract

struct ContractTests {
  private var bindings: [Binding] { ContractServices(WireWorld().useCases.gateway).bindings }

  @Test("the generated code was made from the proto files as they are")
  func generatedCodeIsCurrent() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..").standardized
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["sha256sum"] + ContractDescriptors.digests.map { String($0.split(separator: " ")[1]) }
    process.currentDirectoryURL = root.appending(path: "proto")
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    let actual = String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    #expect(actual == ContractDescriptors.digests, "run make proto")
    let files = try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: "proto").path())
    #expect(files.filter { $0.hasSuffix(".proto") }.count == ContractDescriptors.digests.count)
  }

  @Test("every method of the contract is bound exactly once")
  func everyMethodIsBound() {
    #expect(bindings.map { String($0.procedurePath.dropFirst()) }.sorted() == ContractSchema.current.methods.sorted())
    let paths = bindings.map { "\($0.verb.rawValue) \($0.path)" }
    #expect(Set(paths).count == paths.count)
  }

  @Test("the gaps of a path are string fields of the request, and a body is left where one is sent")
  func pathsFitMessages() throws {
    for binding in bindings {
      let message = try #require(ContractSchema.current.messages[binding.input])
      for name in PathTemplate(binding.path).names {
        #expect(message.fields.contains { $0.jsonName == name && $0.type == .string }, "\(binding.path)")
      }
    }
  }

  @Test("methods, messages, fields and enum values all have a comment")
  func everythingIsDescribed() {
    let schema = ContractSchema.current
    for method in schema.methods { #expect(schema.comments[method]?.isEmpty == false, "\(method)") }
    for message in schema.messages.values where message.fullName.hasPrefix("opentier.") {
      #expect(!message.comment.isEmpty, "\(message.fullName)")
      for field in message.fields { #expect(!field.comment.isEmpty, "\(message.fullName).\(field.name)") }
    }
  }

  @Test("zeros that were set and the empty lists of an answer are written")
  func zerosAndEmptyLists() throws {
    var hit = Opentier_V1_SearchHit()
    hit.startOffset = 0
    #expect(String(decoding: try OutgoingMessage(hit).encoded(as: .json), as: UTF8.self) == #"{"startOffset":0}"#)
    let empty = try OutgoingMessage(Opentier_V1_SearchResponse()).encoded(as: .json)
    #expect(String(decoding: empty, as: UTF8.self) == #"{"hits":[]}"#)
    var page = Opentier_V1_ListDocumentsResponse()
    page.nextPageToken = "x"
    let encoded = try OutgoingMessage(page).encoded(as: .json)
    #expect(String(decoding: encoded, as: UTF8.self) == #"{"nextPageToken":"x","documents":[]}"#)
    page.documents = [Opentier_V1_Document()]
    let full = try OutgoingMessage(page).encoded(as: .json)
    #expect(String(decoding: full, as: UTF8.self) == #"{"documents":[{}],"nextPageToken":"x"}"#)
    #expect(try OutgoingMessage(Opentier_V1_SearchResponse()).encoded(as: .binary).isEmpty)
  }

  @Test(
    "query parameters become fields of their types, or are refused",
    arguments: [
      ("pageSize", "20", #"{"pageSize":"20"}"#), ("status", "SUBMISSION_STATUS_PENDING", nil),
      ("status", "pending", #"{"status":"SUBMISSION_STATUS_PENDING"}"#),
    ] as [(String, String, String?)])
  func parameters(name: String, value: String, json: String?) throws {
    let parameters = try MessageParameters(
      of: "opentier.v1.ListSubmissionsRequest", path: [], query: [(name, value)])
    if let json { #expect(parameters.json == json) }
    let message = try IncomingMessage(.none, parameters: parameters).decoded(
      as: Opentier_V1_ListSubmissionsRequest.self)
    #expect(message.hasPageSize ? message.pageSize == 20 : message.status == .pending)
  }

  @Test(
    "parameters that are no fields, come twice or have the wrong type are refused",
    arguments: [
      [("nonsense", "1")], [("pageSize", "-1")], [("pageSize", "many")], [("pageSize", "1"), ("pageSize", "2")],
      [("status", "Pending")], [("status", "unspecified")], [("status", "")], [("page_size", "1")],
    ])
  func badParameters(query: [(name: String, value: String)]) {
    #expect {
      _ = try MessageParameters(of: "opentier.v1.ListSubmissionsRequest", path: [], query: query)
    } throws: { error in
      (error as? ContractError)?.code == .invalidArgument
    }
  }

  @Test("a field that the path gives may not come in the body too")
  func pathAndBody() throws {
    let parameters = try MessageParameters(
      of: "opentier.v1.UpdateConversationRequest", path: [("conversationId", "a")], query: [])
    let good = IncomingMessage(.encoded(Array(#"{"title":"t"}"#.utf8), .json), parameters: parameters)
    let message = try good.decoded(as: Opentier_V1_UpdateConversationRequest.self)
    #expect(message.conversationID == "a")
    #expect(message.title == "t")
    let bad = IncomingMessage(.encoded(Array(#"{"conversationId":"b"}"#.utf8), .json), parameters: parameters)
    #expect {
      _ = try bad.decoded(as: Opentier_V1_UpdateConversationRequest.self)
    } throws: { error in
      (error as? ContractError)?.message.contains("conversationId") == true
    }
  }

  @Test("times keep their microseconds and refuse the years that no calendar has")
  func times() throws {
    for microseconds: Int64 in [0, 1, -1, 1_700_000_000_123_456, -62_135_596_800_000_000] {
      let date = Date(microseconds: microseconds)
      #expect(try Google_Protobuf_Timestamp(date).date("at").microseconds == microseconds)
    }
    for seconds: Int64 in [-62_135_596_801, 253_402_300_800, .max, .min] {
      #expect(throws: ContractError.self) { _ = try Google_Protobuf_Timestamp(seconds: seconds).date("at") }
    }
  }

  @Test("an excerpt is cut between characters")
  func excerpts() throws {
    let long = String(repeating: "a", count: SubmissionExcerpt.maximumBytes - 1) + "ü"
    let excerpt = try #require(SubmissionExcerpt(.text(long)))
    #expect(excerpt.isTruncated)
    #expect(excerpt.text.utf8.count == SubmissionExcerpt.maximumBytes - 1)
    let whole = try #require(SubmissionExcerpt(.text(String(long.dropLast()))))
    #expect(!whole.isTruncated)
    #expect(SubmissionExcerpt(.url("https://example.org")) == nil)
    #expect(SubmissionExcerpt(.file(name: "a", mediaType: .unknown, bytes: Data([0xff, 0xfe]))) == nil)
  }

  @Test("error details have the shape that Connect's clients read")
  func errorDetails() throws {
    let error = ContractError(.invalidArgument, "a \"b\"\n", details: [.init("pageSize", "must be 1 to 200")])
    let json = JSON(error.json)
    #expect(json["code"]?.string == "invalid_argument")
    #expect(json["message"]?.string == "a \"b\"\n")
    let detail = try #require(json["details"]?[0])
    #expect(detail["type"]?.string == "opentier.v1.FieldViolation")
    #expect(detail["debug"]?["field"]?.string == "pageSize")
    var value = try #require(detail["value"]?.string)
    while value.count % 4 != 0 { value += "=" }
    let read = try Opentier_V1_FieldViolation(serializedBytes: try #require(Data(base64Encoded: value)))
    #expect(read.description_p == "must be 1 to 200")
  }
}
