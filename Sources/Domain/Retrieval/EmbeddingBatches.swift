/// Cuts texts that wait for an embedder into batches.
///
/// Texts of like length are computed together: an embedder that pads pays for the longest of a batch, and one that does
/// not fills its groups better. The longest come first, so that what is left for last is short.
package enum EmbeddingBatches {
  /// The batches, as places in `lengths`, each place once.
  ///
  /// - Parameters:
  ///   - lengths: of the texts, in UTF-8 bytes.
  ///   - maximumTexts: of a batch, at least 1.
  ///   - maximumBytes: of a batch; a longer text is a batch of its own.
  package static func plan(lengths: [Int], maximumTexts: Int, maximumBytes: Int) -> [[Int]] {
    // Equal lengths keep their order, so that the same texts give the same batches.
    let order = lengths.indices.sorted { (lengths[$1], $0) < (lengths[$0], $1) }
    var batches: [[Int]] = []
    var batch: [Int] = []
    var bytes = 0
    for index in order {
      if !batch.isEmpty, batch.count >= max(1, maximumTexts) || bytes + lengths[index] > maximumBytes {
        batches.append(batch)
        batch = []
        bytes = 0
      }
      batch.append(index)
      bytes += lengths[index]
    }
    if !batch.isEmpty { batches.append(batch) }
    return batches
  }
}
