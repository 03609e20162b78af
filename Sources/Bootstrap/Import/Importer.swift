import Application
import Domain
import Foundation
import Settings

/// Takes files through the same use cases as everybody's submissions: submit, approve, ingest.
///
/// Items are read as workers become free, so that what is in memory does not grow with the collection.
struct Importer: Sendable {
  /// One thing to ingest.
  struct Item: Sendable {
    let title: String
    let content: SubmissionContent
    let source: String
    let metadata: Metadata
  }

  /// What became of an item: the document, or why it has none.
  typealias Outcome = Result<DocumentID, CommandFailure>

  let useCases: UseCases
  let caller: Principal
  /// How many jobs are worked on at once.
  let workers: Int
  /// The room for the bytes of files that are read and not ingested yet.
  let memory: StageGate
  /// Reads files for their titles.
  let extractions: RememberedExtractions
  /// Whether the lines of a collection go by their ids alone, as its judgements name them.
  var namesByID = false

  /// Makes an importer with the sizes of an assembly.
  init(_ assembly: Assembly, caller: Principal) {
    useCases = assembly.useCases
    self.caller = caller
    workers = assembly.configuration.ingestion.workers
    memory = StageGate(capacity: assembly.configuration.ingestion.maximumBytes)
    extractions = assembly.extractions
  }

  /// Ingests what a source names, telling each outcome as it comes; one that fails fails alone.
  func callAsFunction(
    _ source: ImportSource, each: @escaping @Sendable (_ source: String, Outcome) -> Void
  ) async throws(CommandFailure) {
    let threads = BackgroundThreads(count: workers + 1, name: "import")
    defer { threads.close() }
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<max(1, min(workers, source.count)) {
        group.addTask(executorPreference: threads) {
          while !Task.isCancelled, let entry = source.next() {
            switch entry {
            case .unreadable(let source, let failure): each(source, .failure(failure))
            case .document(let document, let file, let number):
              let item = item(document, of: file, number: number)
              each(item.source, await ingest(item))
            case .file(let url, let byteCount):
              let name = "file:\(url.path(percentEncoded: false))"
              if let outcome = await memory.pass(weight: byteCount, { await ingest(url) }) { each(name, outcome) }
            }
          }
        }
      }
    }
    if Task.isCancelled { throw CommandFailure(.failure, "cancelled") }
  }

  private func item(_ document: DocumentLine, of file: URL, number: Int) -> Item {
    let name = document.id ?? "\(number)"
    if namesByID {
      return Item(title: document.title(or: name), content: .text(document.text), source: name, metadata: [:])
    }
    return Item(
      title: document.title(or: "\(file.lastPathComponent) \(name)"), content: .text(document.text),
      source: document.url ?? "file:\(file.path(percentEncoded: false))#\(name)", metadata: ["id": .string(name)])
  }

  /// Ingests a file under the title that it names itself, or its name.
  private func ingest(_ file: URL) async -> Outcome {
    let path = file.path(percentEncoded: false)
    let bytes: Data
    do { bytes = try Data(contentsOf: file) } catch {
      return .failure(CommandFailure(.notFound, "\(path) cannot be read"))
    }
    let name = file.lastPathComponent
    let payload = Payload(bytes: Array(bytes), mediaType: .unknown, fileName: name)
    let title = await extractions.title(of: payload) ?? file.deletingPathExtension().lastPathComponent
    return await ingest(
      Item(
        title: title, content: .file(name: name, mediaType: .unknown, bytes: bytes), source: "file:\(path)",
        metadata: [:]))
  }

  private func ingest(_ item: Item) async -> Outcome {
    do throws(UseCaseFailure) {
      let submission = try await useCases.submit(
        SubmitKnowledge.Command(
          title: item.title, content: item.content, metadata: item.metadata, sourceURI: item.source), caller)
      let approved = try await useCases.review.approve(submission.id, note: nil, caller)
      guard let id = approved.jobID else { throw .broken("an approved submission has no job") }
      while true {
        let job = try await useCases.jobs.get(id, caller)
        if job.state == .indexed, let document = job.documentID { return .success(document) }
        if job.state == .failed { return .failure(CommandFailure(.failure, job.error ?? "failed")) }
        // The job may be a neighbour's here or a running server's: whoever works, it ends.
        guard try await !useCases.ingestNext(worker: "command line") else { continue }
        do { try await Task.sleep(for: .milliseconds(20)) } catch { throw .cancelled }
      }
    } catch {
      return .failure(CommandFailure(error))
    }
  }
}
