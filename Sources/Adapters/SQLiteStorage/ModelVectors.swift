import CVectorMath
package import Domain
package import FoundationEssentials

/// What a search has to know of a revision to admit or skip its vectors.
package struct VectorRevision: Sendable {
  let organizationID: UUID
  let documentID: UUID
  let submittedBy: UUID
  let publishedAt: Int64
  let supersededAt: Int64
  let sourceURI: String?
  let tags: [String]

  /// Makes a revision; times are microseconds since 1970, and `Int64.max` ends the current one.
  package init(
    organizationID: UUID, documentID: UUID, submittedBy: UUID, publishedAt: Int64, supersededAt: Int64,
    sourceURI: String?, tags: [String]
  ) {
    self.organizationID = organizationID
    self.documentID = documentID
    self.submittedBy = submittedBy
    self.publishedAt = publishedAt
    self.supersededAt = supersededAt
    self.sourceURI = sourceURI
    self.tags = tags
  }
}

/// One model's vectors in one buffer, with what a scan needs to know of each slot in parallel arrays.
///
/// A slot that is given up keeps its place, belongs to no revision, and is the first to be taken again.
package struct ModelVectors: ~Copyable {
  /// The rows scored at a time: their scores stay in the first-level cache.
  private static let tile = 1_024

  private var buffer: RowBuffer<Float>
  private var quantised: QuantisedRows
  private var chunkIDs: [UUID] = []
  /// The index in `revisions` of each slot, or -1.
  private var revisionOfSlot: [Int32] = []
  private var freeSlots: [Int] = []
  /// The part of each revision that every search looks at: plain values, side by side.
  private var heads: [RevisionHead] = []
  private var revisions: [VectorRevision?] = []
  /// Where each revision's vectors lie.
  private var slots: [[Int]] = []
  private var freeRevisions: [Int] = []
  private var revisionIndex: [Int64: Int] = [:]
  private var tenants: [UUID: Int32] = [:]

  /// The width of the vectors.
  package var dimensions: Int { buffer.width }
  /// The slots, free ones included.
  package var slotCount: Int { buffer.count }

  /// Makes an empty set of vectors of one width.
  package init(dimensions: Int) {
    buffer = RowBuffer(width: dimensions)
    quantised = QuantisedRows(dimensions: dimensions)
  }

  /// Makes room for `count` vectors.
  package mutating func reserve(_ count: Int) -> Bool { buffer.reserve(count) && quantised.reserve(count) }

  /// Forgets a revision and gives its slots up.
  package mutating func remove(_ row: Int64) {
    guard let index = revisionIndex.removeValue(forKey: row) else { return }
    for slot in slots[index] { revisionOfSlot[slot] = -1 }
    freeSlots += slots[index]
    slots[index] = []
    revisions[index] = nil
    heads[index] = .free
    freeRevisions.append(index)
  }

  /// Adds a revision that is not there, without vectors yet.
  package mutating func add(_ row: Int64, _ revision: VectorRevision) {
    let tenant = tenants[revision.organizationID] ?? Int32(tenants.count)
    tenants[revision.organizationID] = tenant
    let head = RevisionHead(
      tenant: tenant, publishedAt: revision.publishedAt, supersededAt: revision.supersededAt)
    if let index = freeRevisions.popLast() {
      revisions[index] = revision
      heads[index] = head
      revisionIndex[row] = index
    } else {
      revisionIndex[row] = revisions.count
      revisions.append(revision)
      heads.append(head)
      slots.append([])
    }
  }

  /// Adds a chunk's vector to a revision that is there.
  ///
  /// - Returns: whether the bytes are a vector of this model and there was memory for it.
  package mutating func add(_ chunk: UUID, of row: Int64, bytes: UnsafeRawBufferPointer) -> Bool {
    guard let index = revisionIndex[row] else { return false }
    let slot: Int
    if let free = freeSlots.popLast() {
      slot = free
      chunkIDs[slot] = chunk
      revisionOfSlot[slot] = Int32(index)
    } else {
      guard let new = buffer.append(), quantised.append() else { return false }
      slot = new
      chunkIDs.append(chunk)
      revisionOfSlot.append(Int32(index))
    }
    slots[index].append(slot)
    guard buffer.set(slot, to: bytes) else { return false }
    let width = dimensions
    buffer.withRows { quantised.set(slot, to: UnsafeBufferPointer(start: $0 + slot * width, count: width)) }
    return true
  }

  /// The chunks in scope whose vectors have the largest inner product with `query`, best first.
  package borrowing func nearest(to query: [Float], in scope: SearchScope, limit: Int) -> [ScoredChunk] {
    guard limit > 0, query.count == dimensions, let tenant = tenants[scope.organizationID.uuid] else { return [] }
    let admitted = admitted(in: scope, tenant: tenant)
    let dimensions = dimensions
    let quantisedQuery = QuantisedQuery(query)
    return buffer.withRows { rows in
      chunkIDs.withUnsafeBufferPointer { ids in
        var best = BestMatches(limit: limit, ids: ids)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: Self.tile) { buffer in
          guard let bounds = buffer.baseAddress else { return }
          var slot = 0
          while slot < revisionOfSlot.count {
            let end = runEnd(from: slot, admitted: admitted)
            quantised.bounds(slot..<end, of: quantisedQuery, into: bounds)
            // A bound that is not a number belongs to a vector that is not finite: it is scored like any other.
            for candidate in slot..<end where !(bounds[candidate - slot] < best.threshold) {
              best.offer(vm_dot_f32(query, rows + candidate * dimensions, dimensions), slot: candidate)
            }
            slot = end + (end < slot + Self.tile ? 1 : 0)
          }
        }
        return best.sorted
      }
    } ?? []
  }

  /// Which revisions are in scope, by their index.
  private borrowing func admitted(in scope: SearchScope, tenant: Int32) -> [Bool] {
    let asOf = scope.asOf?.microseconds
    let isFiltered = !scope.filters.isEmpty
    return heads.indices.map { index in
      heads[index].isVisible(to: tenant, asOf: asOf)
        && (!isFiltered || revisions[index].map(scope.filters.admit) ?? false)
    }
  }

  /// Where the run of admitted slots that starts at `slot` ends: at a slot that is not admitted, after a tile, or at
  /// the end.
  private borrowing func runEnd(from slot: Int, admitted: [Bool]) -> Int {
    var end = slot
    while end < revisionOfSlot.count, end - slot < Self.tile {
      let revision = Int(revisionOfSlot[end])
      guard revision >= 0, admitted[revision] else { break }
      end += 1
    }
    return end
  }
}

/// Whose a revision is and when it can be seen.
private struct RevisionHead {
  /// A number for the tenant, which compares faster than its id.
  let tenant: Int32
  let publishedAt: Int64
  let supersededAt: Int64

  /// Nobody's, seen at no time.
  static let free = RevisionHead(tenant: -1, publishedAt: .max, supersededAt: .min)

  func isVisible(to tenant: Int32, asOf: Int64?) -> Bool {
    guard tenant == self.tenant else { return false }
    guard let asOf else { return supersededAt == .max }
    return publishedAt <= asOf && asOf < supersededAt
  }
}

extension SearchFilters {
  /// Whether a revision passes all of them.
  fileprivate func admit(_ revision: VectorRevision) -> Bool {
    if !documentIDs.isEmpty, !documentIDs.contains(DocumentID(revision.documentID)) { return false }
    if !tags.isEmpty, tags.isDisjoint(with: revision.tags) { return false }
    if let contributorID, revision.submittedBy != contributorID.uuid { return false }
    if let sourcePrefix {
      guard let source = revision.sourceURI, source.utf8.starts(with: sourcePrefix.utf8) else { return false }
    }
    if let after = publishedAfter?.microseconds, revision.publishedAt < after { return false }
    if let before = publishedBefore?.microseconds, revision.publishedAt >= before { return false }
    return true
  }
}
