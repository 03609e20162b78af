import Application
import Domain
import Synchronization

/// Never ends by itself.
struct HangingExtractor: TextExtractor {
  func extract(_ payload: Payload) async throws(ExtractionFailure) -> (text: ExtractedText, mediaType: MediaType) {
    do { try await Task.sleep(for: .seconds(60)) } catch { throw .cancelled }
    throw .empty
  }
}

/// Keeps the states of a watched job.
final class JobLog: Sendable {
  private let log = Mutex<[IngestionJob.State]>([])
  var states: [IngestionJob.State] { log.withLock { $0 } }
  @Sendable func emit(_ job: IngestionJob) async throws(UseCaseFailure) { log.withLock { $0.append(job.state) } }
}
