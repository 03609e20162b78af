import Domain
import FoundationEssentials

/// The best of many scored slots, kept in a heap whose root is the worst of them.
struct BestMatches {
  private let limit: Int
  private let ids: UnsafeBufferPointer<UUID>
  private var heap: [(score: Float, slot: Int)] = []

  /// Keeps the best `limit`; ties go to the smaller of `ids`.
  init(limit: Int, ids: UnsafeBufferPointer<UUID>) {
    self.limit = limit
    self.ids = ids
    heap.reserveCapacity(min(limit, ids.count))
  }

  /// What a score has to reach to be kept.
  var threshold: Float { heap.count < limit ? -.infinity : heap.first?.score ?? .infinity }

  mutating func offer(_ score: Float, slot: Int) {
    let candidate = (score: score, slot: slot)
    if heap.count < limit {
      heap.append(candidate)
      siftUp()
    } else if let worst = heap.first, isBetter(candidate, worst) {
      heap[0] = candidate
      siftDown()
    }
  }

  /// What was kept, best first.
  var sorted: [ScoredChunk] {
    heap.sorted(by: isBetter).map { ScoredChunk(id: ChunkID(ids[$0.slot]), score: Double($0.score)) }
  }

  private func isBetter(_ left: (score: Float, slot: Int), _ right: (score: Float, slot: Int)) -> Bool {
    left.score != right.score ? left.score > right.score : ids[left.slot] < ids[right.slot]
  }

  private mutating func siftUp() {
    var child = heap.count - 1
    while child > 0, isBetter(heap[(child - 1) / 2], heap[child]) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private mutating func siftDown() {
    var parent = 0
    while true {
      var worst = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && isBetter(heap[worst], heap[child]) {
        worst = child
      }
      if worst == parent { return }
      heap.swapAt(parent, worst)
      parent = worst
    }
  }
}
