package import Domain

extension ModelProfile {
  /// Why a model of this profile does not take a request; `nil` where nothing speaks against it that is known.
  ///
  /// A prompt is too long when the fewest tokens that it can be (``FewestTokens``), with those of the longest reply that is
  /// asked for, or with one, are more than the window. Counted is text that every provider gives to the model as it is: not
  /// the definitions and arguments of tools, which are written anew, and no pictures.
  ///
  /// - Parameter name: the model's, for the sentence.
  package func unsupported(in request: ModelRequest, by name: String) -> UnsupportedRequest? {
    if let capabilities, let missing = request.needs.first(where: { !capabilities.contains($0) }) {
      return .feature("the model \(name) does not take \(missing.words)")
    }
    if let maximumOutput, let asked = request.maximumTokens, asked > maximumOutput {
      return .feature(
        "the model \(name) writes at most \(maximumOutput) tokens: max_tokens must not be above that, but is \(asked)")
    }
    guard let contextWindow else { return nil }
    let reply = request.maximumTokens ?? 1
    // No text has more tokens than bytes: most requests are not read for this.
    guard request.textBytes > contextWindow - reply else { return nil }
    let prompt = request.fewestTokens
    guard prompt > contextWindow - reply else { return nil }
    return .length(
      "the model \(name) reads and writes at most \(contextWindow) tokens together; the request has at least \(prompt)"
        + (request.maximumTokens.map { ", and asks for up to \($0) more" } ?? ", and leaves none for a reply"))
  }
}

extension ModelProfile.Capability {
  /// What is told of a request that needs it, as clients name it.
  fileprivate var words: String {
    switch self {
    case .tools: "tools"
    case .images: "pictures"
    case .json: "response_format"
    }
  }
}

extension ModelRequest {
  /// What a model must take besides texts.
  fileprivate var needs: [ModelProfile.Capability] {
    var needs: [ModelProfile.Capability] = []
    if !tools.isEmpty || messages.contains(where: { !$0.toolCalls.isEmpty || !$0.toolResults.isEmpty }) {
      needs.append(.tools)
    }
    if messages.contains(where: { !$0.images.isEmpty }) { needs.append(.images) }
    switch options.responseFormat {
    case nil, .text: break
    case .jsonObject, .jsonSchema: needs.append(.json)
    }
    return needs
  }

  /// The bytes of all text that ``fewestTokens`` counts.
  fileprivate var textBytes: Int {
    var bytes = (prompt?.text.utf8.count ?? 0) + (prompt?.suffix?.utf8.count ?? 0)
    for message in messages {
      bytes += message.content.utf8.count
      for result in message.toolResults { bytes += result.content.utf8.count }
    }
    return bytes
  }

  /// The fewest tokens that the text of the request can be.
  fileprivate var fewestTokens: Int {
    var tokens = FewestTokens.count(prompt?.text ?? "") + FewestTokens.count(prompt?.suffix ?? "")
    for message in messages {
      for result in message.toolResults { tokens += FewestTokens.count(result.content) }
      // Some chat templates leave out what a model has thought before earlier replies.
      if message.role == .assistant, message.content.contains("</think>") { continue }
      tokens += FewestTokens.count(message.content)
    }
    return tokens
  }
}
