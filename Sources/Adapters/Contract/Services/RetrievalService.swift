import Application
import Domain
import GRPCCore

/// `opentier.v1.RetrievalService` over the use cases.
struct RetrievalService: Opentier_V1_RetrievalService.SimpleServiceProtocol {
  let useCases: UseCases

  func search(
    request: Opentier_V1_SearchRequest, context: ServerContext
  ) async throws -> Opentier_V1_SearchResponse {
    let hits = try await useCases.search(
      SearchKnowledge.Query(
        text: request.query, mode: SearchMode(request.mode),
        limit: request.hasLimit ? Int(request.limit) : SearchKnowledge.Query.defaultHits,
        filters: SearchFilters(request.filters), asOf: request.hasAsOf ? request.asOf.date("asOf") : nil),
      caller())
    var response = Opentier_V1_SearchResponse()
    response.hits = hits.map(Opentier_V1_SearchHit.init)
    return response
  }
}
