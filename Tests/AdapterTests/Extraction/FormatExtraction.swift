import Application
import Domain
import FoundationEssentials
import Testing

@testable import TextExtraction

@Suite("Extraction: records")
struct RecordExtraction {
  @Test("each row of a table is a passage that names its columns")
  func rows() async throws {
    let source = "name,city,note\r\nAda,London,\"first, and\nbest \"\"of\"\" all\"\r\n\r\nGrace,,x\r\n"
    let (text, type) = try await extractText(source.utf8, type: MediaType("text/csv"))
    #expect(type == MediaType("text/csv"))
    #expect(textBlocks(text).map(\.kind) == [.record, .record])
    #expect(
      textBlocks(text).map(\.text) == [
        "name: Ada\ncity: London\nnote: first, and\nbest \"of\" all", "name: Grace\nnote: x",
      ])
  }

  @Test(
    "cells are parted by what the first line has most of, and a table without names has numbers",
    arguments: [
      ("a;b\n1,5;2", "x.csv", ["a: 1,5\nb: 2"]), ("a\tb\n1\t2", "x.tsv", ["a: 1\nb: 2"]),
      ("a|b|c\n1|2|3", "x.csv", ["a: 1\nb: 2\nc: 3"]),
      ("1,2\n3,4", "x.csv", ["column 1: 1\ncolumn 2: 2", "column 1: 3\ncolumn 2: 4"]),
      ("a,a\n1,2", "x.csv", ["column 1: a\ncolumn 2: a", "column 1: 1\ncolumn 2: 2"]),
      ("a,b\n1,2,3", "x.csv", ["a: 1\nb: 2\ncolumn 3: 3"]), ("a,b", "x.csv", ["a\nb"]),
    ] as [(String, String, [String])]
  )
  func delimiters(_ source: String, _ name: String, _ expected: [String]) async throws {
    let (text, _) = try await extractText(source.utf8, type: .unknown, name: name)
    #expect(textBlocks(text).map(\.text) == expected)
  }

  @Test("what is called a table but is prose is prose")
  func prose() async throws {
    let (text, type) = try await extractText("No cells here.".utf8, type: .unknown, name: "a.csv")
    #expect(type == .plainText && textBlocks(text).map(\.kind) == [.paragraph])
  }

  @Test("a quotation that never ends is refused with its line, and so is a row beyond the limit")
  func brokenRows() async {
    await #expect(throws: ExtractionFailure.invalid("the quotation that begins on line 3 never ends")) {
      try await extractText("a,b\n1,2\n\"3,4\n5,6\n".utf8, type: .unknown, name: "a.csv")
    }
    let limit = DelimitedText.maximumColumns
    for (count, isRefused) in [(limit, false), (limit + 1, true)] {
      let row = Array(repeating: "1", count: count).joined(separator: ",")
      let outcome = await extractionFailure { try await extractText("\(row)\n".utf8, type: .unknown, name: "a.csv") }
      #expect((outcome == nil) != isRefused, "\(count)")
    }
  }

  @Test("names that each row repeats count towards the limit of the text")
  func repeatedNames() async {
    var limits = ExtractionLimits()
    limits.maximumTextBytes = 10_000
    let source = "\(String(repeating: "n", count: 190)),b\n" + String(repeating: "1,2\n", count: 1_000)
    let failure = await extractionFailure {
      try await extractText(source.utf8, type: .unknown, name: "a.csv", limits: limits)
    }
    guard case .invalid(let words) = failure else { return #expect(Bool(false), "\(failure.debugDescription)") }
    #expect(words.contains("10000"))
  }

  @Test("each object of JSON Lines is a passage, also without a name that says so")
  func objects() async throws {
    let source = """
      {"title": "One", "n": 1.50, "on": true, "tags": ["a", "b"], "none": null, "inner": {"x": "y", "list": [{"z": 1}]}}

      {"title": "Two"}
      """
    for type in [MediaType.unknown, .plainText, MediaType("application/x-ndjson")] {
      let (text, found) = try await extractText(source.utf8, type: type)
      #expect(found == MediaType("application/x-ndjson"))
      #expect(
        textBlocks(text).map(\.text) == [
          "inner.list.z: 1\ninner.x: y\nn: 1.5\non: true\ntags: a, b\ntitle: One", "title: Two",
        ])
      #expect(textBlocks(text).map(\.kind) == [.record, .record])
    }
  }

  @Test("a line that is not JSON is refused with its number, and one that nests too deep")
  func brokenObjects() async {
    let type = MediaType("application/x-ndjson")
    await #expect(throws: ExtractionFailure.invalid("line 2 is not a value in JSON, which each line of JSON Lines is"))
    {
      try await extractText("{\"a\": 1}\n{\"a\": \n".utf8, type: type)
    }
    for (depth, isRefused) in [(JSONLines.maximumDepth, false), (JSONLines.maximumDepth + 1, true), (100_000, true)] {
      let source = String(repeating: "[", count: depth) + "1" + String(repeating: "]", count: depth)
      let failure = await extractionFailure { try await extractText("\(source)\n".utf8, type: type) }
      #expect((failure == nil) != isRefused, "\(depth)")
    }
  }

  @Test("every record is a chunk of its own")
  func chunks() async throws {
    let (text, _) = try await extractText("a,b\n1,2\n3,4\n5,6\n".utf8, type: .unknown, name: "a.csv")
    let chunks = try TextChunker().chunks(of: text, counter: ApproximateTokenCounter()) { ChunkID(UUID()) }
    #expect(chunks.map(\.text) == ["a: 1\nb: 2", "a: 3\nb: 4", "a: 5\nb: 6"])
  }
}

@Suite("Extraction: e-mail")
struct EmailExtraction {
  private static let mail = """
    Return-Path: <ada@example.org>
    From: =?utf-8?Q?Ada_L=C3=B6velace?= <ada@example.org>
    To: Grace <grace@example.org>
    Date: Mon, 2 Nov 2026 10:00:00 +0000
    Subject: =?utf-8?B?TsO8bWJhdHM=?=
     =?utf-8?Q?_and_quolls?=
    MIME-Version: 1.0
    Content-Type: multipart/mixed; boundary="outer"

    --outer
    Content-Type: multipart/alternative; boundary=inner

    --inner
    Content-Type: text/plain; charset=iso-8859-1
    Content-Transfer-Encoding: quoted-printable

    The numbat eats termites, twenty thousand a =
    day, in a caf=E9.

    Second paragraph.
    --inner
    Content-Type: text/html

    <p>The same in HTML</p>
    --inner--
    --outer
    Content-Type: application/pdf; name="report.pdf"
    Content-Disposition: attachment; filename="report.pdf"
    Content-Transfer-Encoding: base64

    JVBERi0=
    --outer--
    """

  @Test(
    "an e-mail is known by its header, and read part by part", arguments: ["\n", "\r\n"])
  func whole(_ lineEnd: String) async throws {
    let source = Self.mail.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: lineEnd)
    for name in [nil, "mail.eml", "mail.txt"] {
      let (text, type) = try await extractText(source.utf8, type: .unknown, name: name)
      if name == "mail.txt" { continue }
      #expect(type == MediaType("message/rfc822") && text.title == "Nümbats and quolls")
      #expect(
        textBlocks(text).map(\.text) == [
          "Nümbats and quolls",
          "From: Ada Lövelace <ada@example.org>\nTo: Grace <grace@example.org>\nDate: Mon, 2 Nov 2026 10:00:00 +0000",
          "The numbat eats termites, twenty thousand a day, in a café.", "Second paragraph.",
          "Attachment: report.pdf (application/pdf)",
        ])
    }
  }

  @Test(
    "text in other character sets is read, and what cannot be is marked",
    arguments: [
      ("windows-1252", [0x93, 0x61, 0x94, 0x80] as [UInt8], "“a”€"), ("koi8-r", [0xC4, 0xC1], "да"),
      ("shift_jis", [0x82, 0xA0], "あ"), ("utf-8", [0x61, 0xFF], "a\u{FFFD}"),
      ("no-such-set", [0x61, 0xE9], "a\u{FFFD}"),
      ("iso-2022-jp", [0x1B, 0x24, 0x42, 0x24, 0x22, 0x1B, 0x28, 0x42], "あ"), ("utf-16", [0xFE, 0xFF, 0, 0x61], "a"),
    ]
  )
  func characterSets(_ name: String, _ bytes: [UInt8], _ expected: String) {
    #expect(CharacterSet.decode(bytes, named: name) == expected)
  }

  @Test("bytes beyond a set, in the middle of many, cost only themselves")
  func longText() {
    let text = [UInt8](repeating: 0x61, count: 40_000)
    #expect(CharacterSet.decode(text + [0x81] + text, named: "windows-1252").count { $0 == "a" } == 80_000)
  }

  @Test("parts nested or repeated beyond the limit are refused, quickly")
  func limits() async {
    let head = "From: a@b.c\nTo: c@d.e\nSubject: x\nMIME-Version: 1.0\n"
    var nested = ""
    for level in 0..<10_000 { nested += "Content-Type: multipart/mixed; boundary=b\(level)\n\n--b\(level)\n" }
    let failure = await extractionFailure { try await extractText((head + nested).utf8, type: .unknown, name: "a.eml") }
    #expect(failure == .invalid("the e-mail nests its parts deeper than 20 levels"))
    let many = "Content-Type: multipart/mixed; boundary=b\n\n" + String(repeating: "--b\n\nx\n", count: 1_001)
    #expect(
      await extractionFailure { try await extractText((head + many).utf8, type: .unknown, name: "a.eml") }
        == .invalid("the e-mail has more than 1000 parts"))
  }

  @Test("what is called an e-mail but is none is text")
  func noMail() async throws {
    let (_, type) = try await extractText("Just text".utf8, type: MediaType("message/rfc822"))
    #expect(type == .plainText)
  }
}

@Suite("Extraction: reStructuredText and code")
struct SourceExtraction {
  @Test("titles have the levels in which their adornments come first; code, lists and tables are known")
  func reStructuredText() async throws {
    let source = """
      =====
      Guide
      =====

      .. comment that is
         not shown

      Intro paragraph
      of two lines::

          literal block

      Setup
      -----
      - first
      - second
        goes on

      .. code-block:: python
         :linenos:

         print(1)

      .. note:: Beware.

      Deeper
      ~~~~~~
      ===  ===
      a    b
      ===  ===

      Again
      -----
      1. one

         quoted
      """
    let (text, type) = try await extractText(source.utf8, type: .unknown, name: "guide.rst")
    #expect(type == MediaType("text/x-rst") && text.title == "Guide" && text.text == source)
    let blocks = textBlocks(text)
    #expect(
      blocks.map(\.kind) == [
        .heading(level: 1), .paragraph, .code, .heading(level: 2), .listItem, .listItem, .code, .heading(level: 3),
        .table,
        .heading(level: 2), .listItem, .quote,
      ])
    #expect(blocks.map(\.text)[2] == "    literal block" && blocks.map(\.text)[5] == "second\n  goes on")
    #expect(blocks.map(\.text)[6] == "   print(1)")
  }

  @Test("code keeps its bytes, parted by blank lines")
  func code() async throws {
    let source = "func a() {\n  b()\n}\n\n  // indented\nlet c = 1\n"
    let (text, type) = try await extractText(source.utf8, type: .unknown, name: "A.swift")
    #expect(type == MediaType("text/x-swift") && text.text == source)
    #expect(textBlocks(text).map(\.text) == ["func a() {\n  b()\n}", "  // indented\nlet c = 1"])
    #expect(textBlocks(text).allSatisfy { $0.kind == .code })
  }
}

/// The failure of an extraction; `nil` when there is none.
func extractionFailure<Value>(_ body: () async throws -> Value) async -> ExtractionFailure? {
  do {
    _ = try await body()
    return nil
  } catch let failure as ExtractionFailure {
    return failure
  } catch {
    Issue.record(error)
    return nil
  }
}
