/// A picture that a model may look at.
package struct ModelImage: Hashable, Sendable {
  /// `image/png`, `image/jpeg`, `image/gif` or `image/webp`: what every provider takes.
  package static let mediaTypes: Set<String> = ["image/png", "image/jpeg", "image/gif", "image/webp"]

  /// One of ``mediaTypes``.
  package let mediaType: String
  /// The file's bytes.
  package let bytes: [UInt8]

  /// Makes a picture; `nil` for a media type that is none of ``mediaTypes``.
  package init?(mediaType: String, bytes: [UInt8]) {
    guard Self.mediaTypes.contains(mediaType) else { return nil }
    self.mediaType = mediaType
    self.bytes = bytes
  }
}

/// A tool that a model may ask for. Asking runs nothing: whoever called the model decides.
package struct ModelTool: Hashable, Sendable {
  /// 1 to 64 ASCII letters, digits, `_` and `-`, which every provider takes.
  package let name: String
  /// What it does, for the model.
  package let description: String
  /// The JSON Schema of its arguments, an object, as JSON text.
  package let parameters: String

  /// Makes a tool.
  package init(name: String, description: String, parameters: String) {
    self.name = name
    self.description = description
    self.parameters = parameters
  }
}

/// A model's wish that a tool be run.
package struct ModelToolCall: Hashable, Sendable {
  /// The model's name of this call, which its result repeats.
  package let id: String
  /// The tool.
  package let name: String
  /// The arguments: a JSON object, as text.
  package let arguments: String
  /// What the provider wants back with this call, unread (Gemini's thought signature); `nil` where there is none.
  package let signature: String?

  /// Makes a call.
  package init(id: String, name: String, arguments: String, signature: String? = nil) {
    self.id = id
    self.name = name
    self.arguments = arguments
    self.signature = signature
  }
}

/// What a tool answered.
package struct ModelToolResult: Hashable, Sendable {
  /// The call's id.
  package let callID: String
  /// The tool.
  package let name: String
  /// The answer, as text.
  package let content: String

  /// Makes a result.
  package init(callID: String, name: String, content: String) {
    self.callID = callID
    self.name = name
    self.content = content
  }
}
