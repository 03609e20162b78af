import Domain
import FoundationEssentials
import Testing

@Suite("Reciprocal rank fusion")
struct ReciprocalRankFusionTests {
  let ids = (0..<4).map { _ in ChunkID(UUID()) }.sorted()

  func ranking(_ indices: Int...) -> [ScoredChunk] {
    indices.enumerated().map { ScoredChunk(id: ids[$1], score: Double(10 - $0)) }
  }

  @Test("a chunk scores the sum of 1 / (60 + rank) over the rankings that hold it")
  func scores() {
    let fused = ReciprocalRankFusion.fuse([ranking(0, 1), ranking(1, 2)])
    #expect(fused.map(\.id) == [ids[1], ids[0], ids[2]])
    #expect(fused[0].score == 1 / 62.0 + 1 / 61.0)
    #expect(fused[1].score == 1 / 61.0)
  }

  @Test("equal scores are ordered by the better rank, then by id, whatever the order of the rankings")
  func ties() {
    let one = ReciprocalRankFusion.fuse([ranking(0, 1), ranking(1, 0)])
    let other = ReciprocalRankFusion.fuse([ranking(1, 0), ranking(0, 1)])
    #expect(one == other)
    #expect(one.map(\.id) == [ids[0], ids[1]])
  }

  @Test("no ranking, or empty ones, give nothing; one ranking keeps its order")
  func degenerate() {
    #expect(ReciprocalRankFusion.fuse([]).isEmpty)
    #expect(ReciprocalRankFusion.fuse([[], []]).isEmpty)
    #expect(ReciprocalRankFusion.fuse([ranking(2, 0, 1), []]).map(\.id) == [ids[2], ids[0], ids[1]])
  }
}
