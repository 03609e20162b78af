import Application
import Contract
import Domain
import FoundationEssentials
import JSONValues

/// Writes the answers of chat completions and completions, whole or in chunks.
///
/// Source: OpenAI API reference, "The chat completion object", "The chat completion chunk object" and "The completion
/// object".
struct CompletionAnswer: Sendable {
  /// Which of the two is answered.
  enum Kind: Sendable {
    case chat
    case text
  }

  let kind: Kind
  let model: String
  /// What documents' addresses begin with, such as `https://knowledge.example.org`.
  let origin: String
  let id: String
  let created: Int

  /// Makes answers to one request.
  init(_ kind: Kind, model: String, origin: String) {
    (self.kind, self.model, self.origin) = (kind, model, origin)
    id = (kind == .chat ? "chatcmpl-" : "cmpl-") + UUID.unique().hexadecimal
    created = Int(Date().timeIntervalSince1970)
  }

  /// The whole answer, as JSON.
  func whole(_ reply: WholeReply) throws -> [UInt8] {
    try envelope(isChunk: false, capacity: 768 + reply.text.utf8.count) { json in
      try json.object { json in try write(reply, to: &json) }
    } more: { json in
      json.name("usage")
      Self.write(reply.end.usage, to: &json)
      if let grounds = try Self.grounds(reply) {
        json.name("opentier")
        try json.value(grounds)
      }
    }
  }

  /// Writes the members of the only choice.
  private func write(_ reply: WholeReply, to json: inout JSONWriter) throws {
    let (text, end) = (reply.text, reply.end)
    json.name("index")
    json.integer(0)
    switch kind {
    case .text:
      json.name("text")
      json.string(text)
    case .chat:
      json.name("message")
      try json.object { json in
        json.name("role")
        json.string("assistant")
        json.name("content")
        json.string(orNull: text.isEmpty && !end.toolCalls.isEmpty ? nil : text)
        json.name("refusal")
        json.null()
        json.name("annotations")
        try json.value(.array(annotations(of: text, end.citations)))
        if !end.toolCalls.isEmpty {
          json.name("tool_calls")
          try json.value(.array(end.toolCalls.map(Self.json)))
        }
      }
    }
    json.name("logprobs")
    json.null()
    json.name("finish_reason")
    json.string(reason(of: end))
  }

  /// The first chunk, which says who speaks; completions have none.
  func opening() throws -> [UInt8]? {
    guard kind == .chat else { return nil }
    return try chunk { json in
      json.name("role")
      json.string("assistant")
      json.name("content")
      json.string("")
      json.name("refusal")
      json.null()
    }
  }

  /// What stands before and behind a text in its chunk's JSON, the quotes left out.
  func partTemplate() throws -> (before: [UInt8], behind: [UInt8]) {
    // Within a string of JSON, such as the model's name, its quotes would be escaped: the mark is found once.
    let mark = Array((kind == .chat ? #""content":""# : #""text":""#).utf8)
    let whole =
      switch kind {
      case .chat:
        try chunk { json in
          json.name("content")
          json.string("")
        }
      case .text: try textChunk(reason: nil)
      }
    guard let place = whole.firstRange(of: mark) else {
      throw ContractError(.internal, "a part of a reply cannot be written")
    }
    return (Array(whole[..<place.upperBound]), Array(whole[place.upperBound...]))
  }

  /// The chunks at the end: citations and calls of tools, how it ended, and what was used.
  ///
  /// - Parameter withUsage: whether the client wants to know what was used.
  func ending(_ reply: WholeReply, withUsage: Bool) throws -> [[UInt8]] {
    let end = reply.end
    var chunks: [[UInt8]] = []
    switch kind {
    case .text: chunks.append(try textChunk(reason: reason(of: end)))
    case .chat:
      if let grounds = try Self.grounds(reply) {
        chunks.append(
          try chunk { json in
            json.name("annotations")
            try json.value(.array(annotations(of: reply.text, end.citations)))
          } more: { json in
            json.name("opentier")
            try json.value(grounds)
          })
      }
      for (index, call) in end.toolCalls.enumerated() {
        guard case .object(var value) = Self.json(call) else { continue }
        value["index"] = .integer(index)
        chunks.append(
          try chunk { json in
            json.name("tool_calls")
            try json.value(.array([.object(value)]))
          })
      }
      chunks.append(try chunk(reason: reason(of: end)) { _ in })
    }
    if withUsage {
      chunks.append(
        try envelope { _ in
        } more: { json in
          json.name("usage")
          Self.write(end.usage, to: &json)
        })
    }
    return chunks
  }

  /// A chunk of a chat.
  ///
  /// - Parameters:
  ///   - delta: writes the members of what is new in it.
  ///   - more: writes members beside OpenAI's own.
  private func chunk(
    reason: String? = nil, delta: (inout JSONWriter) throws -> Void, more: (inout JSONWriter) throws -> Void = { _ in }
  ) throws -> [UInt8] {
    try envelope(
      choices: { json in
        try json.object { json in
          json.name("index")
          json.integer(0)
          json.name("delta")
          try json.object(delta)
          json.name("logprobs")
          json.null()
          json.name("finish_reason")
          json.string(orNull: reason)
        }
      }, more: more)
  }

  /// A chunk of a completion, without text.
  private func textChunk(reason: String?) throws -> [UInt8] {
    try envelope { json in
      json.object { json in
        json.name("index")
        json.integer(0)
        json.name("text")
        json.string("")
        json.name("logprobs")
        json.null()
        json.name("finish_reason")
        json.string(orNull: reason)
      }
    }
  }

  /// What every answer and every chunk of one has in common.
  ///
  /// - Parameters:
  ///   - capacity: the bytes that it takes, about.
  ///   - choices: writes the elements.
  ///   - more: writes the members behind the choices.
  private func envelope(
    isChunk: Bool = true, capacity: Int = 192, choices: (inout JSONWriter) throws -> Void,
    more: (inout JSONWriter) throws -> Void = { _ in }
  ) throws -> [UInt8] {
    var json = JSONWriter(capacity: capacity)
    try json.object { json in
      json.name("id")
      json.string(id)
      json.name("object")
      switch kind {
      case .chat: json.string(isChunk ? "chat.completion.chunk" : "chat.completion")
      case .text: json.string("text_completion")
      }
      json.name("created")
      json.integer(created)
      json.name("model")
      json.string(model)
      json.name("choices")
      try json.array(choices)
      try more(&json)
    }
    return json.bytes
  }

  private func reason(of end: CompletionEnd) -> String {
    if !end.toolCalls.isEmpty { return "tool_calls" }
    return end.finishReason == .length ? "length" : "stop"
  }

  private static func json(_ call: ModelToolCall) -> JSONValue {
    .object([
      "id": .string(call.id), "type": .string("function"),
      "function": .object(["name": .string(call.name), "arguments": .string(call.arguments)]),
    ])
  }

  private static func write(_ usage: TokenUsage, to json: inout JSONWriter) {
    json.object { json in
      json.name("prompt_tokens")
      json.integer(usage.promptTokens)
      json.name("completion_tokens")
      json.integer(usage.completionTokens)
      json.name("total_tokens")
      json.integer(total(usage))
    }
  }

  private static func total(_ usage: TokenUsage) -> Int {
    let (total, overflows) = usage.promptTokens.addingReportingOverflow(usage.completionTokens)
    return overflows ? .max : total
  }

  /// The sources and the checked citations as the contract's JSON has them, which OpenAI's has no place for; `nil` where
  /// there are none.
  private static func grounds(_ reply: WholeReply) throws -> JSONValue? {
    guard !reply.sources.isEmpty else { return nil }
    var (sources, citations): ([JSONValue], [JSONValue]) = ([], [])
    for source in reply.sources { sources.append(try JSONValue.parse(ContractJSON.text(source))) }
    for citation in reply.end.citations { citations.append(try JSONValue.parse(ContractJSON.text(citation))) }
    return .object(["sources": .array(sources), "citations": .array(citations)])
  }

  /// Where the text cites what: each place of a marker, counted in characters of Unicode, with the document's address.
  private func annotations(of text: String, _ citations: [Citation]) -> [JSONValue] {
    let cited = Dictionary(citations.map { ($0.source.marker, $0.source) }, uniquingKeysWith: { first, _ in first })
    guard !cited.isEmpty else { return [] }
    let bytes = Array(text.utf8)
    var (scalars, seen) = (0, 0)
    var annotations: [JSONValue] = []
    for occurrence in CitationCheck.occurrences(in: text) {
      scalars += Self.scalars(in: bytes[seen..<occurrence.range.lowerBound])
      seen = occurrence.range.lowerBound
      let length = occurrence.range.count
      for source in occurrence.numbers.compactMap({ cited[$0] }) {
        annotations.append(
          .object([
            "type": .string("url_citation"),
            "url_citation": .object([
              "start_index": .integer(scalars), "end_index": .integer(scalars + length),
              "title": .string(source.title), "url": .string("\(origin)/#/documents/\(source.documentID)"),
            ]),
          ]))
      }
    }
    return annotations
  }

  /// The scalars that begin in bytes of UTF-8.
  private static func scalars(in bytes: ArraySlice<UInt8>) -> Int { bytes.count { $0 & 0xC0 != 0x80 } }
}
