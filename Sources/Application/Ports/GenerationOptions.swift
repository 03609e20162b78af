/// How a model is to generate; what is `nil` or empty is left to the model.
package struct GenerationOptions: Hashable, Sendable {
  /// The form of a reply.
  package enum ResponseFormat: Hashable, Sendable {
    /// Any text.
    case text
    /// A JSON object.
    case jsonObject
    /// JSON of a schema.
    case jsonSchema(JSONSchemaFormat)
  }

  /// Whether the model is to ask for a tool.
  package enum ToolChoice: Hashable, Sendable {
    /// As it sees fit.
    case automatic
    /// For none.
    case never
    /// For at least one.
    case required
    /// For the one of this name.
    case tool(String)
  }

  /// How much a model thinks, as OpenAI names it.
  package enum ReasoningEffort: String, Hashable, Sendable, CaseIterable {
    case none, minimal, low, medium, high, xhigh
  }

  /// The sampling temperature, 0 to 2.
  package var temperature: Double?
  /// Nucleus sampling: the mass of probability that is looked at, above 0 to 1.
  package var topP: Double?
  /// -2 to 2.
  package var frequencyPenalty: Double?
  /// -2 to 2.
  package var presencePenalty: Double?
  /// For sampling that is to be repeatable, as far as the provider can.
  package var seed: Int?
  /// Texts before which the reply ends.
  package var stop: [String] = []
  /// The form of the reply.
  package var responseFormat: ResponseFormat?
  /// Whether a tool is to be asked for.
  package var toolChoice: ToolChoice?
  /// Whether several tools may be asked for at once.
  package var allowsParallelToolCalls: Bool?
  /// How much a model that thinks before it replies is to think.
  package var reasoningEffort: ReasoningEffort?
  /// Whether the limit of tokens counts those that a model thinks with.
  package var limitCountsReasoning = false

  /// Leaves all to the model.
  package init() {}
}

/// A JSON Schema that a reply is to have.
package struct JSONSchemaFormat: Hashable, Sendable {
  /// Its name, of ASCII letters, digits, `_` and `-`.
  package let name: String
  /// What it is for, for the model.
  package let description: String?
  /// The schema: a JSON object, as text.
  package let schema: String
  /// Whether the reply must have it to the letter; `nil` leaves it to the provider.
  package let isStrict: Bool?

  /// Makes a format.
  package init(name: String, description: String? = nil, schema: String, isStrict: Bool? = nil) {
    self.name = name
    self.description = description
    self.schema = schema
    self.isStrict = isStrict
  }
}

/// A text that is to be continued.
package struct ModelPrompt: Hashable, Sendable {
  /// The text.
  package let text: String
  /// What comes behind the gap that is to be filled; `nil` for no gap.
  package let suffix: String?

  /// Makes a prompt.
  package init(text: String, suffix: String? = nil) {
    self.text = text
    self.suffix = suffix
  }
}
