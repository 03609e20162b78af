import Application
import Domain
import Foundation
import Synchronization

/// Takes files through the same use cases as everybody's submissions: submit, approve, ingest.
struct Importer: Sendable {
  /// One thing to ingest.
  struct Item: Sendable {
    let title: String
    let content: SubmissionContent
    let source: String
    let metadata: Metadata
  }

  /// What became of the items.
  struct Report: Sendable {
    /// How many became searchable, or were already.
    var indexed = 0
    /// The sources that failed, and why.
    var failed: [(source: String, reason: String)] = []
    /// The documents by source.
    var documents: [String: DocumentID] = [:]
  }

  let useCases: UseCases
  let caller: Principal
  /// How many jobs are worked on at once.
  let workers: Int

  /// The items of a file: one per line for JSON Lines, else the file, under the title that it names itself, or its name.
  static func items(
    of file: URL, maximumBytes: Int, extractor: any TextExtractor
  ) async throws(CommandFailure) -> [Item] {
    let path = file.path(percentEncoded: false)
    if ["jsonl", "ndjson"].contains(file.pathExtension.lowercased()) {
      return try CollectionFiles.documents(file).enumerated().map { index, document in
        let name = document.id ?? "\(index + 1)"
        return Item(
          title: document.title(or: "\(file.lastPathComponent) \(name)"), content: .text(document.text),
          source: document.url ?? "file:\(path)#\(name)", metadata: ["id": .string(name)])
      }
    }
    let bytes: Data
    do {
      let size = try file.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0
      guard size <= maximumBytes else {
        throw CommandFailure(.usage, "\(path) has \(size) bytes; at most \(maximumBytes) are taken")
      }
      bytes = try Data(contentsOf: file)
    } catch let failure as CommandFailure {
      throw failure
    } catch {
      throw CommandFailure(.notFound, "\(path) cannot be read")
    }
    let content = SubmissionContent.file(name: file.lastPathComponent, mediaType: .unknown, bytes: bytes)
    let title = await ownTitle(of: bytes, named: file.lastPathComponent, extractor)
    return [
      Item(
        title: title ?? file.deletingPathExtension().lastPathComponent, content: content, source: "file:\(path)",
        metadata: [:])
    ]
  }

  /// The title that a file names itself. What cannot be read has none here; its job says why.
  private static func ownTitle(of bytes: Data, named name: String, _ extractor: any TextExtractor) async -> String? {
    let payload = Payload(bytes: Array(bytes), mediaType: .unknown, fileName: name)
    guard let title = try? await extractor.extract(payload).text.title?.trimmingWhitespace(), !title.isEmpty else {
      return nil
    }
    return String(title.prefix(KnowledgeSubmission.maximumTitleLength))
  }

  /// Ingests items, telling how many are done; one that fails fails alone.
  func callAsFunction(
    _ items: [Item], progress: @escaping @Sendable (Int) -> Void
  ) async throws(CommandFailure) -> Report {
    let report = Mutex(Report())
    let next = Mutex(0)
    let box = Shared(report: report, next: next)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<max(1, min(workers, items.count)) {
        group.addTask {
          while let item = box.take(from: items), !Task.isCancelled {
            let outcome = await ingest(item)
            progress(box.note(item.source, outcome))
          }
        }
      }
    }
    if Task.isCancelled { throw CommandFailure(.failure, "cancelled") }
    return box.report.withLock { $0 }
  }

  private func ingest(_ item: Item) async -> Result<DocumentID, CommandFailure> {
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

/// What the workers of one import share.
private final class Shared: Sendable {
  let report: Mutex<Importer.Report>
  private let next: Mutex<Int>

  init(report: consuming Mutex<Importer.Report>, next: consuming Mutex<Int>) {
    self.report = report
    self.next = next
  }

  func take(from items: [Importer.Item]) -> Importer.Item? {
    let index = next.withLock { next in
      next += 1
      return next - 1
    }
    return index < items.count ? items[index] : nil
  }

  /// Notes an outcome and says how many there are.
  func note(_ source: String, _ outcome: Result<DocumentID, CommandFailure>) -> Int {
    report.withLock { report in
      switch outcome {
      case .success(let id):
        report.indexed += 1
        report.documents[source] = id
      case .failure(let failure): report.failed.append((source, failure.description))
      }
      return report.indexed + report.failed.count
    }
  }
}
