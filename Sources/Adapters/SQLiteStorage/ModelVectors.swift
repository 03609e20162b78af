import CVectorMath
import Domain
import FoundationEssentials

/// What a search has to know of a revision to admit or skip its vectors.
struct VectorRevision: Sendable {
  let organizationID: UUID
  let documentID: UUID
  let submittedBy: UUID
  let publishedAt: Int64
  /// `Int64.max` for the current revision.
  let supersededAt: Int64
  let sourceURI: String?
  let tags: [String]
  /// Where its vectors lie.
  var slots: [Int] = []
}

/// One model's vectors in one buffer, with what a scan needs to know of each slot in parallel arrays.
///
/// A slot that is given up keeps its place, belongs to no revision, and is the first to be taken again.
struct ModelVectors: ~Copyable {
  /// The rows scored at a time: their scores stay in the first-level cache.
  private static let tile = 1_024

  private var buffer: VectorBuffer
  private var chunkIDs: [UUID] = []
  /// The index in `revisions` of each slot, or -1.
  private var revisionOfSlot: [Int32] = []
  private var freeSlots: [Int] = []
  private var revisions: [VectorRevision?] = []
  private var freeRevisions: [Int] = []
  private var revisionIndex: [Int64: Int] = [:]

  /// The width of the vectors.
  var dimensions: Int { buffer.dimensions }
  /// The slots, free ones included.
  var slotCount: Int { buffer.count }

  init(dimensions: Int) { buffer = VectorBuffer(dimensions: dimensions) }

  /// Makes room for `count` vectors.
  mutating func reserve(_ count: Int) -> Bool { buffer.reserve(count) }

  /// Forgets a revision and gives its slots up.
  mutating func remove(_ row: Int64) {
    guard let index = revisionIndex.removeValue(forKey: row), let revision = revisions[index] else { return }
    for slot in revision.slots { revisionOfSlot[slot] = -1 }
    freeSlots += revision.slots
    revisions[index] = nil
    freeRevisions.append(index)
  }

  /// Adds a revision that is not there, without vectors yet.
  mutating func add(_ row: Int64, _ revision: VectorRevision) {
    if let index = freeRevisions.popLast() {
      revisions[index] = revision
      revisionIndex[row] = index
    } else {
      revisionIndex[row] = revisions.count
      revisions.append(revision)
    }
  }

  /// Adds a chunk's vector to a revision that is there.
  ///
  /// - Returns: whether the bytes are a vector of this model and there was memory for it.
  mutating func add(_ chunk: UUID, of row: Int64, bytes: UnsafeRawBufferPointer) -> Bool {
    guard let index = revisionIndex[row] else { return false }
    let slot: Int
    if let free = freeSlots.popLast() {
      slot = free
      chunkIDs[slot] = chunk
      revisionOfSlot[slot] = Int32(index)
    } else {
      guard let new = buffer.append() else { return false }
      slot = new
      chunkIDs.append(chunk)
      revisionOfSlot.append(Int32(index))
    }
    revisions[index]?.slots.append(slot)
    return buffer.set(slot, to: bytes)
  }

  /// The chunks in scope whose vectors have the largest inner product with `query`, best first.
  borrowing func nearest(to query: [Float], in scope: SearchScope, limit: Int) -> [ScoredChunk] {
    guard limit > 0, query.count == dimensions else { return [] }
    let admitted = revisions.map { $0.map(scope.admits) ?? false }
    let dimensions = dimensions
    return buffer.withRows { rows in
      chunkIDs.withUnsafeBufferPointer { ids in
        var best = BestMatches(limit: limit, ids: ids)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: Self.tile) { scores in
          guard let scored = scores.baseAddress else { return }
          var slot = 0
          while slot < revisionOfSlot.count {
            let end = runEnd(from: slot, admitted: admitted)
            if end > slot {
              vm_dot_scan_f32(query, rows + slot * dimensions, end - slot, dimensions, scored)
              for offset in 0..<(end - slot) { best.offer(scores[offset], slot: slot + offset) }
            }
            slot = end + (end < slot + Self.tile ? 1 : 0)
          }
        }
        return best.sorted
      }
    } ?? []
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

extension SearchScope {
  /// Whether a revision was visible at the time of the scope and passes its filters.
  fileprivate func admits(_ revision: VectorRevision) -> Bool {
    guard revision.organizationID == organizationID.uuid else { return false }
    if let asOf = asOf?.microseconds {
      guard revision.publishedAt <= asOf, asOf < revision.supersededAt else { return false }
    } else {
      guard revision.supersededAt == .max else { return false }
    }
    if filters.isEmpty { return true }
    if !filters.documentIDs.isEmpty, !filters.documentIDs.contains(DocumentID(revision.documentID)) { return false }
    if !filters.tags.isEmpty, filters.tags.isDisjoint(with: revision.tags) { return false }
    if let contributor = filters.contributorID, revision.submittedBy != contributor.uuid { return false }
    if let prefix = filters.sourcePrefix {
      guard let source = revision.sourceURI, source.utf8.starts(with: prefix.utf8) else { return false }
    }
    if let after = filters.publishedAfter?.microseconds, revision.publishedAt < after { return false }
    if let before = filters.publishedBefore?.microseconds, revision.publishedAt >= before { return false }
    return true
  }
}
