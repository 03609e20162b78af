package import Domain

/// What can be asked of the models.
package struct ModelCatalog: Hashable, Sendable {
  /// A language model.
  package struct Model: Hashable, Sendable {
    /// Its name; with ``CompleteDialogue/groundedPrefix`` before it, it answers from passages.
    package let name: String
    /// Whether it goes on with a dialogue as it is, without passages.
    package let takesDialogues: Bool
    /// What its tokens cost, of a name that leads to several models the most; `nil` where they cost nothing.
    package let price: TokenPrice?
    /// What is known of it, of a name that leads to several models the most that one of them takes.
    package let profile: ModelProfile

    /// Makes an entry.
    package init(
      name: String, takesDialogues: Bool, price: TokenPrice? = nil, profile: ModelProfile = .unknown
    ) {
      self.price = price
      self.profile = profile
      self.name = name
      self.takesDialogues = takesDialogues
    }
  }

  /// The language models, by name.
  package let models: [Model]
  /// The model that passages are embedded with; `nil` while there is none.
  package let embedding: EmbeddingModel?
  /// What its tokens cost, which all go in; `nil` where they cost nothing.
  package let embeddingPrice: TokenPrice?
  /// The name of the model that is asked where none is named; `nil` where that is not known.
  package let defaultName: String?

  /// Makes a catalog.
  package init(
    models: [Model], embedding: EmbeddingModel?, embeddingPrice: TokenPrice? = nil, defaultName: String? = nil
  ) {
    self.defaultName = defaultName
    self.embeddingPrice = embeddingPrice
    self.models = models
    self.embedding = embedding
  }
}

/// Tells which models there are.
package struct ListModels: Sendable {
  let models: LanguageModelRegistry
  let embedder: CurrentEmbedder
  let prices: PriceList
  /// By the names that vectors are kept under.
  let embeddingPrices: PriceList

  /// The models of now.
  package func callAsFunction() -> ModelCatalog {
    let embedding = embedder()?.model
    let plain = ModelRequest(
      messages: [ModelMessage(role: .user, content: "?")], question: "?", sources: [], maximumTokens: nil,
      isGrounded: false)
    return ModelCatalog(
      models: models.names.map { name in
        let model = models.model(named: name)
        return ModelCatalog.Model(
          name: name, takesDialogues: model?.unsupported(in: plain) == nil, price: prices.highest(of: name),
          profile: .most(of: model?.profiles ?? [.unknown]))
      }, embedding: embedding, embeddingPrice: embedding.flatMap { embeddingPrices.price(of: $0.name) },
      defaultName: models.defaultName)
  }
}
