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
    id = (kind == .chat ? "chatcmpl-" : "cmpl-") + UUID.random().hexadecimal
    created = Int(Date().timeIntervalSince1970)
  }

  /// The whole answer, as JSON.
  func whole(_ reply: WholeReply) throws -> [UInt8] {
    var json = JSONWriter(capacity: 768 + reply.text.utf8.count)
    try json.object { json in
      json.name("id")
      json.string(id)
      json.name("object")
      json.string(kind == .chat ? "chat.completion" : "text_completion")
      json.name("created")
      json.integer(created)
      json.name("model")
      json.string(model)
      json.name("choices")
      try json.array { json in try json.object { json in try write(reply, to: &json) } }
      json.name("usage")
      try json.value(Self.json(reply.end.usage))
      if let grounds = try Self.grounds(reply) {
        json.name("opentier")
        try json.value(grounds)
      }
    }
    return json.bytes
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
  func opening() -> JSONValue? {
    guard kind == .chat else { return nil }
    return chunk(["role": .string("assistant"), "content": .string(""), "refusal": .null])
  }

  /// What stands before and behind a text in its chunk's JSON, the quotes left out.
  func partTemplate() throws -> (before: [UInt8], behind: [UInt8]) {
    // Within a string of JSON, such as the model's name, its quotes would be escaped: the mark is found once.
    let mark = Array((kind == .chat ? #""content":""# : #""text":""#).utf8)
    let whole = Array(try part("").data)
    guard let place = whole.firstRange(of: mark) else {
      throw ContractError(.internal, "a part of a reply cannot be written")
    }
    return (Array(whole[..<place.upperBound]), Array(whole[place.upperBound...]))
  }

  /// A chunk with text.
  private func part(_ text: String) -> JSONValue {
    switch kind {
    case .chat: chunk(["content": .string(text)])
    case .text: .object(envelope("text_completion", [.object(textChoice(text, reason: nil))]))
    }
  }

  /// The chunks at the end: citations and calls of tools, how it ended, and what was used.
  ///
  /// - Parameter withUsage: whether the client wants to know what was used.
  func ending(_ reply: WholeReply, withUsage: Bool) throws -> [JSONValue] {
    let end = reply.end
    var chunks: [JSONValue] = []
    switch kind {
    case .text: chunks.append(.object(envelope("text_completion", [.object(textChoice("", reason: reason(of: end)))])))
    case .chat:
      if let grounds = try Self.grounds(reply) {
        let delta: [String: JSONValue] = ["annotations": .array(annotations(of: reply.text, end.citations))]
        chunks.append(chunk(delta, more: ["opentier": grounds]))
      }
      for (index, call) in end.toolCalls.enumerated() {
        guard case .object(var json) = Self.json(call) else { continue }
        json["index"] = .integer(index)
        chunks.append(chunk(["tool_calls": .array([.object(json)])]))
      }
      chunks.append(chunk([:], reason: reason(of: end)))
    }
    if withUsage {
      var last = envelope(kind == .chat ? "chat.completion.chunk" : "text_completion", [])
      last["usage"] = Self.json(end.usage)
      chunks.append(.object(last))
    }
    return chunks
  }

  private func textChoice(_ text: String, reason: String?) -> [String: JSONValue] {
    ["index": .integer(0), "text": .string(text), "logprobs": .null, "finish_reason": .optional(reason)]
  }

  private func chunk(
    _ delta: [String: JSONValue], reason: String? = nil, more: [String: JSONValue] = [:]
  ) -> JSONValue {
    let choice: [String: JSONValue] = [
      "index": .integer(0), "delta": .object(delta), "logprobs": .null, "finish_reason": .optional(reason),
    ]
    return .object(envelope("chat.completion.chunk", [.object(choice)]).merging(more) { old, _ in old })
  }

  private func envelope(_ object: String, _ choices: [JSONValue]) -> [String: JSONValue] {
    [
      "id": .string(id), "object": .string(object), "created": .integer(created), "model": .string(model),
      "choices": .array(choices),
    ]
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

  private static func json(_ usage: TokenUsage) -> JSONValue {
    let (total, overflows) = usage.promptTokens.addingReportingOverflow(usage.completionTokens)
    return .object([
      "prompt_tokens": .integer(usage.promptTokens), "completion_tokens": .integer(usage.completionTokens),
      "total_tokens": .integer(overflows ? .max : total),
    ])
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
