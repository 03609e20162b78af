package import Domain

/// What can be asked of the models.
package struct ModelCatalog: Hashable, Sendable {
  /// A language model.
  package struct Model: Hashable, Sendable {
    /// Its name; with ``CompleteDialogue/groundedPrefix`` before it, it answers from passages.
    package let name: String
    /// Whether it goes on with a dialogue as it is, without passages.
    package let takesDialogues: Bool

    /// Makes an entry.
    package init(name: String, takesDialogues: Bool) {
      self.name = name
      self.takesDialogues = takesDialogues
    }
  }

  /// The language models, by name.
  package let models: [Model]
  /// The model that passages are embedded with; `nil` while there is none.
  package let embedding: EmbeddingModel?

  /// Makes a catalog.
  package init(models: [Model], embedding: EmbeddingModel?) {
    self.models = models
    self.embedding = embedding
  }
}

/// Tells which models there are.
package struct ListModels: Sendable {
  let models: LanguageModelRegistry
  let embedder: CurrentEmbedder

  /// The models of now.
  package func callAsFunction() -> ModelCatalog {
    let plain = ModelRequest(
      messages: [ModelMessage(role: .user, content: "?")], question: "?", sources: [], maximumTokens: nil,
      isGrounded: false)
    return ModelCatalog(
      models: models.names.map { name in
        ModelCatalog.Model(
          name: name, takesDialogues: models.model(named: name)?.unsupported(in: plain) == nil)
      }, embedding: embedder()?.model)
  }
}
