import Application
import Domain
import GRPCCore

/// `opentier.v1.RetrievalService` over the intelligence.
struct RetrievalService: Opentier_V1_RetrievalService.SimpleServiceProtocol {
  let intelligence: any Intelligence

  func search(
    request: Opentier_V1_SearchRequest, context: ServerContext
  ) async throws -> Opentier_V1_SearchResponse {
    let hits = try await intelligence.search(SearchKnowledge.Query(request), caller())
    var response = Opentier_V1_SearchResponse()
    response.hits = hits.map(Opentier_V1_SearchHit.init)
    return response
  }
}
