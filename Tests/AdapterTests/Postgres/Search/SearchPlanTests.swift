import Application
import Domain
import Foundation
import PostgresTesting
import Testing

@testable import PostgresStorage

@Suite("PostgreSQL search: statements and their indexes", .needsPostgres)
struct SearchPlanTests {
  @Test("the chunks that match are found by the index of words")
  func words() async throws {
    try await withSearchedDatabase { store, url in
      try await store.publish(.of((0..<2_000).map { "common n\($0) m\($0 / 50)" }))
      try await PostgresTestServer.execute("ANALYZE", at: url)
      // The statement as it is in the function, with the arguments' names as parameters.
      let source = try await PostgresTestServer.execute(
        """
        SELECT regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
          substring(prosrc FROM 'RETURN QUERY\\s+(SELECT [^;]+);'),
          '\\mquery\\M', '$1'), '\\mweights\\M', '$2'), '\\maverage_length\\M', '$3'), '\\mtenant\\M', '$4'),
          '\\mthreshold\\M', '$5')
        FROM pg_proc WHERE proname = 'matching_chunks' AND pronargs = 4
        """, at: url)
      let statement = try #require(source.first?[0])
      for mode in ["force_custom_plan", "force_generic_plan"] {
        let plan = try await PostgresTestServer.execute(
          """
          BEGIN; SET LOCAL ROLE opentier_system; SET LOCAL plan_cache_mode = \(mode); SET LOCAL enable_seqscan = off;
          PREPARE statement (tsquery, sparsevec, float8, uuid, float8) AS \(statement);
          EXPLAIN (COSTS OFF) EXECUTE statement
            ('''00a1n7'' | ''00a1m3''', '{1:1}/1000000000', 10, '\(Tenants.one)', 0)
          """, at: url
        ).compactMap { $0[0] }.joined(separator: "\n")
        #expect(plan.contains("Bitmap Index Scan on document_chunks_words"), "\(plan)")
      }
    }
  }

  @Test("many vectors are walked through by the index of their width, under the tenant's policy")
  func vectors() async throws {
    try await withSearchedDatabase { store, url in
      var random = SplitMix64(seed: 21)
      try await store.publish(
        .of((0..<300).map { "c\($0)" }, vectors: (0..<300).map { _ in .random(384, using: &random) }))
      try await PostgresTestServer.execute(Self.otherRevisions, at: url)
      try await PostgresTestServer.execute("ANALYZE", at: url)
      let database = PostgresDatabase(configuration: try PostgresConfiguration(url: url))
      let vector = Embedding.random(384, using: &random)
      let scopes = [
        SearchScope(organizationID: Tenants.one),
        SearchScope(
          organizationID: Tenants.one, asOf: Date(), filters: SearchFilters(tags: ["x"], sourcePrefix: "s")),
      ]
      for scope in scopes {
        let settings = PostgresSearchSettings()
        let walk = settings.walk(limit: 100, goesOn: true)
        let plan = try await database.read(in: Tenants.one, settings: walk) { transaction in
          let search = SemanticSearch(
            transaction: transaction, vector: vector, model: "model", scope: scope, limit: 100, settings: settings)
          return try await transaction.rows("EXPLAIN (COSTS OFF) \(search.nearby())")
            .map { try $0.value("QUERY PLAN", as: String.self) }.joined(separator: "\n")
        }
        #expect(plan.contains("Index Scan using chunk_embeddings_384"), "\(plan)")
        // By the key that names the tenant, or by the primary key.
        #expect(plan.contains("Index Scan using document_revisions_"), "\(plan)")
      }
      await database.close()
    }
  }

  /// So many that a look-up by id is better than reading all.
  private static let otherRevisions = """
    INSERT INTO documents (id, organization_id)
    SELECT md5('d' || n)::uuid, '\(Tenants.one)' FROM generate_series(1, 1000) AS n;
    INSERT INTO document_revisions (id, document_id, organization_id, number, title, media_type, content_hash, byte_count,
      submission_id, submitted_by, approved_by, published_at, text)
    SELECT md5('r' || n)::uuid, md5('d' || n)::uuid, '\(Tenants.one)', 1, '', 'text/plain', sha256('x'), 1,
      gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), now(), 'x' FROM generate_series(1, 1000) AS n;
    """

  @Test("a setting of pgvector 0.8 is sent to no older version")
  func versions() {
    for version in ["0.8.0", "0.8.5", "0.10.1", "1.0"] { #expect(VectorExtension.canGoOn(version: version)) }
    for version in ["0.7.4", "0.7", "", "next"] { #expect(!VectorExtension.canGoOn(version: version)) }
    #expect(PostgresSearchSettings().walk(limit: 10, goesOn: false).allSatisfy { $0.name != "hnsw.iterative_scan" })
  }

  @Test("each width that is said to have an index has one")
  func widths() async throws {
    try await withMigratedDatabase { url in
      let indexes = try await PostgresTestServer.execute(
        """
        SELECT substring(indexdef FROM 'halfvec\\((\\d+)\\)') FROM pg_indexes
        WHERE tablename = 'chunk_embeddings' AND indexdef LIKE '%USING hnsw%halfvec_cosine_ops%'
        """, at: url)
      #expect(Set(indexes.compactMap { $0[0].flatMap { Int($0) } }) == SemanticSearch.indexedWidths)
    }
  }
}
