/// Sizes of search that a deployment may change; docs/decisions/0011-search-in-postgresql.md has the measurements.
package struct PostgresSearchSettings: Hashable, Sendable {
  /// How many vectors a walk through the HNSW index keeps in sight, 1 to 1,000 (`hnsw.ef_search`): more find more of the
  /// nearest and take longer. A search for more vectors than that raises it for itself.
  package var efSearch = 100
  /// After how many vectors the walk of a filtered search gives up (`hnsw.max_scan_tuples`); what it found too few of is
  /// then looked for one by one.
  package var maximumScannedVectors = 20_000
  /// Up to so many chunks, of a tenant or of what the filters leave, vectors are compared one by one, which misses none.
  package var exactScanMaximum = 10_000
  /// Up to so many entries of the word index a search by words is exact whatever the words are; beyond, chunks that only
  /// have a query's more common words, and those unusually often, may be missed.
  package var exactPostings = 8_000

  /// The standard sizes.
  package init() {}
}
