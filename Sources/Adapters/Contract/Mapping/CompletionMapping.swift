package import Application
import Domain
import FoundationEssentials

// Completions on the private contract: what the gateway has read of a client's request, and what comes back.

extension Opentier_Intelligence_V1_CompleteRequest {
  /// A completion on somebody's behalf.
  package init(_ command: CompleteDialogue.Command, _ caller: Opentier_Intelligence_V1_Caller) {
    self.init()
    self.caller = caller
    model = command.model
    messages = command.messages.map(Opentier_Intelligence_V1_ModelMessage.init)
    if let prompt = command.prompt {
      self.prompt.text = prompt.text
      if let suffix = prompt.suffix { self.prompt.suffix = suffix }
    }
    tools = command.tools.map { tool in
      var message = Opentier_Intelligence_V1_ModelTool()
      message.name = tool.name
      message.description_p = tool.description
      message.parameters = tool.parameters
      return message
    }
    options = Opentier_Intelligence_V1_GenerationOptions(command.options)
    if let maximum = command.maximumTokens { maximumTokens = UInt32(clamping: maximum) }
    whole = command.isWhole
  }
}

extension CompleteDialogue.Command {
  /// Reads a completion.
  ///
  /// - Throws: `invalid_argument`.
  package init(_ request: Opentier_Intelligence_V1_CompleteRequest) throws(ContractError) {
    var messages: [ModelMessage] = []
    for message in request.messages { messages.append(try ModelMessage(message)) }
    self.init(
      model: request.model, messages: messages,
      prompt: request.hasPrompt
        ? ModelPrompt(
          text: request.prompt.text, suffix: request.prompt.hasSuffix ? request.prompt.suffix : nil) : nil,
      tools: request.tools.map {
        ModelTool(name: $0.name, description: $0.description_p, parameters: $0.parameters)
      },
      options: try GenerationOptions(request.options),
      maximumTokens: request.hasMaximumTokens ? Int(request.maximumTokens) : nil, isWhole: request.whole)
  }
}

extension Opentier_Intelligence_V1_ModelMessage {
  fileprivate init(_ message: ModelMessage) {
    self.init()
    role = message.role.rawValue
    content = message.content
    images = message.images.map { image in
      var message = Opentier_Intelligence_V1_ModelImage()
      message.mediaType = image.mediaType
      message.data = Data(image.bytes)
      return message
    }
    toolCalls = message.toolCalls.map(Opentier_Intelligence_V1_ModelToolCall.init)
    toolResults = message.toolResults.map { result in
      var message = Opentier_Intelligence_V1_ModelToolResult()
      message.callID = result.callID
      message.name = result.name
      message.content = result.content
      return message
    }
  }
}

extension ModelMessage {
  fileprivate init(_ message: Opentier_Intelligence_V1_ModelMessage) throws(ContractError) {
    guard let role = MessageRole(rawValue: message.role) else {
      throw .invalid("messages.role", "must be system, user or assistant")
    }
    var images: [ModelImage] = []
    for image in message.images {
      guard let read = ModelImage(mediaType: image.mediaType, bytes: Array(image.data)) else {
        throw .invalid("messages.images.mediaType", "must be of a picture")
      }
      images.append(read)
    }
    self.init(
      role: role, content: message.content, images: images, toolCalls: message.toolCalls.map(ModelToolCall.init),
      toolResults: message.toolResults.map {
        ModelToolResult(callID: $0.callID, name: $0.name, content: $0.content)
      })
  }
}

extension Opentier_Intelligence_V1_ModelToolCall {
  fileprivate init(_ call: ModelToolCall) {
    self.init()
    id = call.id
    name = call.name
    arguments = call.arguments
    if let signature = call.signature { self.signature = signature }
  }
}

extension ModelToolCall {
  fileprivate init(_ call: Opentier_Intelligence_V1_ModelToolCall) {
    self.init(
      id: call.id, name: call.name, arguments: call.arguments, signature: call.hasSignature ? call.signature : nil)
  }
}

extension Opentier_Intelligence_V1_GenerationOptions {
  fileprivate init(_ options: GenerationOptions) {
    self.init()
    if let value = options.temperature { temperature = value }
    if let value = options.topP { topP = value }
    if let value = options.frequencyPenalty { frequencyPenalty = value }
    if let value = options.presencePenalty { presencePenalty = value }
    if let value = options.seed { seed = Int64(value) }
    stop = options.stop
    switch options.responseFormat {
    case nil: break
    case .text: responseFormat = "text"
    case .jsonObject: responseFormat = "json_object"
    case .jsonSchema(let format):
      responseFormat = "json_schema"
      jsonSchema.name = format.name
      if let description = format.description { jsonSchema.description_p = description }
      jsonSchema.schema = format.schema
      if let isStrict = format.isStrict { jsonSchema.strict = isStrict }
    }
    switch options.toolChoice {
    case nil: break
    case .automatic: toolChoice = "auto"
    case .never: toolChoice = "none"
    case .required: toolChoice = "required"
    case .tool(let name):
      toolChoice = "tool"
      toolName = name
    }
    if let allows = options.allowsParallelToolCalls { allowsParallelToolCalls = allows }
    if options.limitCountsReasoning { limitCountsReasoning = true }
    if let effort = options.reasoningEffort { reasoningEffort = effort.rawValue }
  }
}

extension GenerationOptions {
  fileprivate init(_ options: Opentier_Intelligence_V1_GenerationOptions) throws(ContractError) {
    self.init()
    if options.hasTemperature { temperature = options.temperature }
    if options.hasTopP { topP = options.topP }
    if options.hasFrequencyPenalty { frequencyPenalty = options.frequencyPenalty }
    if options.hasPresencePenalty { presencePenalty = options.presencePenalty }
    if options.hasSeed { seed = Int(options.seed) }
    stop = options.stop
    if options.hasResponseFormat {
      switch options.responseFormat {
      case "text": responseFormat = .text
      case "json_object": responseFormat = .jsonObject
      case "json_schema":
        let format = options.jsonSchema
        responseFormat = .jsonSchema(
          JSONSchemaFormat(
            name: format.name, description: format.hasDescription_p ? format.description_p : nil,
            schema: format.schema, isStrict: format.hasStrict ? format.strict : nil))
      default: throw .invalid("options.responseFormat", "must be text, json_object or json_schema")
      }
    }
    if options.hasToolChoice {
      switch options.toolChoice {
      case "auto": toolChoice = .automatic
      case "none": toolChoice = .never
      case "required": toolChoice = .required
      case "tool": toolChoice = .tool(options.toolName)
      default: throw .invalid("options.toolChoice", "must be auto, none, required or tool")
      }
    }
    if options.hasAllowsParallelToolCalls { allowsParallelToolCalls = options.allowsParallelToolCalls }
    limitCountsReasoning = options.limitCountsReasoning
    if options.hasReasoningEffort {
      guard let effort = ReasoningEffort(rawValue: options.reasoningEffort) else {
        throw .invalid("options.reasoningEffort", "must be one that OpenAI names")
      }
      reasoningEffort = effort
    }
  }
}

extension Opentier_Intelligence_V1_CompleteResponse {
  /// An event of a completion.
  package init(_ event: CompletionEvent) {
    self.init()
    switch event {
    case .sources(let sources): self.sources = Opentier_V1_ChatSources(sources)
    case .delta(let text): delta = Opentier_V1_ChatDelta(text)
    case .completed(let end):
      completed.finishReason = end.finishReason.rawValue
      completed.toolCalls = end.toolCalls.map(Opentier_Intelligence_V1_ModelToolCall.init)
      completed.usage = Opentier_V1_TokenUsage(end.usage)
      completed.citations = end.citations.map(Opentier_V1_Citation.init)
    }
  }
}

extension CompletionEvent {
  /// Reads an event of a completion.
  ///
  /// - Throws: `internal` for what is no event.
  package init(_ message: Opentier_Intelligence_V1_CompleteResponse) throws(ContractError) {
    switch message.event {
    case .sources(let event):
      var sources: [Source] = []
      for source in event.sources { sources.append(try Source(source)) }
      self = .sources(sources)
    case .delta(let event): self = .delta(event.text)
    case .completed(let event):
      guard let reason = FinishReason(rawValue: event.finishReason) else { throw .unreadable("finishReason") }
      var citations: [Citation] = []
      for citation in event.citations { citations.append(Citation(source: try Source(citation))) }
      self = .completed(
        CompletionEnd(
          finishReason: reason, toolCalls: event.toolCalls.map(ModelToolCall.init),
          usage: TokenUsage(
            promptTokens: Int(event.usage.promptTokens), completionTokens: Int(event.usage.completionTokens)),
          citations: citations))
    case nil: throw .unreadable("event")
    }
  }
}

extension Opentier_Intelligence_V1_ListModelsResponse {
  /// The models.
  package init(_ catalog: ModelCatalog) {
    self.init()
    models = catalog.models.map { model in
      var message = Opentier_Intelligence_V1_ListedModel()
      message.name = model.name
      message.takesDialogues = model.takesDialogues
      if let price = model.price {
        message.promptPrice = Int64(clamping: price.prompt)
        message.completionPrice = Int64(clamping: price.completion)
      }
      if let window = model.profile.contextWindow { message.contextWindow = UInt32(clamping: window) }
      if let output = model.profile.maximumOutput { message.maximumOutput = UInt32(clamping: output) }
      if let capabilities = model.profile.capabilities {
        message.capabilities.names = capabilities.map(\.rawValue).sorted()
      }
      return message
    }
    if let name = catalog.defaultName { defaultName = name }
    if let embedding = catalog.embedding {
      embeddingModel.name = embedding.name
      embeddingModel.dimensions = UInt32(count: embedding.dimensions)
      embeddingModel.maximumTokens = UInt32(count: embedding.maximumTokens)
      if let price = catalog.embeddingPrice { embeddingModel.price = Int64(clamping: price.prompt) }
    }
  }
}

extension ModelCatalog {
  /// Reads the models.
  package init(_ response: Opentier_Intelligence_V1_ListModelsResponse) {
    self.init(
      models: response.models.map { model in
        ModelCatalog.Model(
          name: model.name, takesDialogues: model.takesDialogues,
          price: model.hasPromptPrice || model.hasCompletionPrice
            ? TokenPrice(prompt: Int(model.promptPrice), completion: Int(model.completionPrice)) : nil,
          profile: ModelProfile(model))
      },
      embedding: response.hasEmbeddingModel
        ? EmbeddingModel(
          name: response.embeddingModel.name, dimensions: Int(response.embeddingModel.dimensions),
          maximumTokens: Int(response.embeddingModel.maximumTokens)) : nil,
      embeddingPrice: response.embeddingModel.hasPrice
        ? TokenPrice(prompt: Int(response.embeddingModel.price), completion: 0) : nil,
      defaultName: response.hasDefaultName ? response.defaultName : nil)
  }
}

extension ModelProfile {
  /// Reads what is known of a model. What a newer process knows beyond it is left out.
  fileprivate init(_ model: Opentier_Intelligence_V1_ListedModel) {
    self =
      ModelProfile(
        contextWindow: model.hasContextWindow ? Int(model.contextWindow) : nil,
        maximumOutput: model.hasMaximumOutput ? Int(model.maximumOutput) : nil,
        capabilities: model.hasCapabilities
          ? Set(model.capabilities.names.compactMap(Capability.init(rawValue:))) : nil) ?? .unknown
  }
}
