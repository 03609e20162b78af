import Application
import Domain
import FoundationEssentials

/// A message of a chat completion's request.
struct ChatCompletionMessage: Decodable {
  /// A text, or a list of parts.
  struct Content: Decodable {
    struct Part: Decodable {
      struct ImageURL: Decodable {
        let url: String
      }

      let type: String
      let text: String?
      let refusal: String?
      let image_url: ImageURL?
    }

    let parts: [Part]

    private init(parts: [Part]) { self.parts = parts }

    init(text: String) {
      self.init(parts: [Part(type: "text", text: text, refusal: nil, image_url: nil)])
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      // What is no text must be the list; the list's own error says what is wrong with it.
      if let text = try? container.decode(String.self) {
        self.init(text: text)
      } else {
        self.init(parts: try container.decode([Part].self))
      }
    }
  }

  struct ToolCall: Decodable {
    struct Function: Decodable {
      let name: String
      let arguments: String
    }

    let id: String
    let function: Function
  }

  let role: String
  let content: Content?
  let tool_calls: [ToolCall]?
  let tool_call_id: String?

  /// The dialogue of a request's messages. The answers of tools that follow each other become one turn, as providers want
  /// it.
  ///
  /// - Throws: an ``OpenAIError``.
  static func dialogue(of messages: [ChatCompletionMessage]) throws(OpenAIError) -> [ModelMessage] {
    var dialogue: [ModelMessage] = []
    // The name of the tool of each call so far.
    var tools: [String: String] = [:]
    for (index, message) in messages.enumerated() {
      let place = "messages[\(index)]"
      if message.role == "tool" {
        let result = try message.result(place, of: tools)
        if let last = dialogue.last, !last.toolResults.isEmpty {
          dialogue[dialogue.count - 1] = ModelMessage(
            role: .user, content: "", toolResults: last.toolResults + [result])
        } else {
          dialogue.append(ModelMessage(role: .user, content: "", toolResults: [result]))
        }
        continue
      }
      let turn = try message.turn(place)
      for call in turn.toolCalls { tools[call.id] = call.name }
      dialogue.append(turn)
    }
    return dialogue
  }

  private func result(_ place: String, of tools: [String: String]) throws(OpenAIError) -> ModelToolResult {
    guard let id = tool_call_id else {
      throw .invalid("\(place).tool_call_id", "\(place).tool_call_id is missing", code: "missing_required_parameter")
    }
    guard let name = tools[id] else {
      throw .invalid("\(place).tool_call_id", "\(place).tool_call_id must be the id of a call before it")
    }
    return ModelToolResult(callID: id, name: name, content: try text(place))
  }

  private func turn(_ place: String) throws(OpenAIError) -> ModelMessage {
    switch role {
    case "system", "developer": return ModelMessage(role: .system, content: try text(place))
    case "user":
      try Sampling.refuse(content == nil, "\(place).content", "is missing")
      return ModelMessage(role: .user, content: try text(place, besides: ["image_url"]), images: try images(place))
    case "assistant":
      let calls = tool_calls ?? []
      try Sampling.refuse(content == nil && calls.isEmpty, "\(place).content", "is missing")
      return ModelMessage(
        role: .assistant, content: try text(place),
        toolCalls: calls.map {
          ModelToolCall(id: $0.id, name: $0.function.name, arguments: Self.arguments($0.function.arguments))
        })
    default:
      throw .invalid(
        "\(place).role", "\(place).role must be system, developer, user, assistant or tool",
        code: "invalid_value")
    }
  }

  /// A call without arguments is one with an empty object.
  private static func arguments(_ text: String) -> String { text.allSatisfy(\.isWhitespace) ? "{}" : text }

  /// The text of the parts, one below the other.
  private func text(_ place: String, besides others: Set<String> = []) throws(OpenAIError) -> String {
    var texts: [String] = []
    for (index, part) in (content?.parts ?? []).enumerated() where !others.contains(part.type) {
      guard let text = part.type == "text" ? part.text : part.type == "refusal" ? part.refusal : nil else {
        let name = "\(place).content[\(index)]"
        throw .invalid("\(name).type", "\(name) must be a text, or in a message of the user's an image_url")
      }
      texts.append(text)
    }
    return texts.joined(separator: "\n")
  }

  private func images(_ place: String) throws(OpenAIError) -> [ModelImage] {
    var images: [ModelImage] = []
    for (index, part) in (content?.parts ?? []).enumerated() where part.type == "image_url" {
      guard let image = part.image_url.flatMap({ Self.image($0.url) }) else {
        let name = "\(place).content[\(index)].image_url"
        // Fetching an address on a client's behalf would reach what the client cannot.
        throw .invalid(
          name,
          "\(name) must be data:image/png;base64,… (or jpeg, gif, webp): addresses are not fetched")
      }
      images.append(image)
    }
    return images
  }

  /// The picture of a `data:` URL (RFC 2397) in Base64; `nil` for anything else.
  private static func image(_ url: String) -> ModelImage? {
    guard url.prefix(5).lowercased() == "data:", let comma = url.firstIndex(of: ",") else { return nil }
    let head = url[..<comma].dropFirst(5).lowercased()
    guard head.hasSuffix(";base64") else { return nil }
    let mediaType = String(head.dropLast(";base64".count))
    guard let data = Data(base64Encoded: String(url[url.index(after: comma)...])), !data.isEmpty else { return nil }
    return ModelImage(mediaType: mediaType == "image/jpg" ? "image/jpeg" : mediaType, bytes: Array(data))
  }
}
