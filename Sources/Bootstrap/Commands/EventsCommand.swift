import Application
import ArgumentParser
import Domain
import Foundation
import UnixSignals

/// `opentier events`.
struct EventsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "events", abstract: "Follow what happens: submissions, reviews, documents, failures.",
    subcommands: [Tail.self])

  /// `opentier events tail`.
  struct Tail: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "tail", abstract: "Print the events that nobody has taken yet, of all tenants, oldest first.",
      discussion: """
        What was printed counts as delivered and is not printed again. An event is printed at least once: when the \
        command is killed in the middle, the next one prints again what it had begun, after \
        \(Int(RelayEvents.Settings().lease)) seconds. Events that nobody takes are removed after some days (see \
        events.retention in: opentier config show).
        """)
    @OptionGroup var common: CommonOptions
    @Flag(help: "Wait for more, until the command is interrupted.") var follow = false
    @Option(help: "How many at most. Default: all.") var limit: Int?

    /// How long it waits for more before it looks again.
    private static let pollInterval: Duration = .seconds(1)

    func validate() throws {
      if let limit, limit < 1 { throw ValidationError("--limit must be at least 1") }
    }

    func run() async throws {
      try await Assembly.run(try common.configuration()) { assembly in
        let relay = assembly.useCases.relayEvents
        let printer = EventPrinter(isJSON: common.json)
        guard follow else { return try await print(relay, printer) }
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask { try await print(relay, printer) }
          group.addTask { for await _ in signals { return } }
          // Whichever ends first, the limit or the person, ends the other.
          try await group.next()
          group.cancelAll()
        }
      }
    }

    private func print(_ relay: RelayEvents, _ printer: EventPrinter) async throws(CommandFailure) {
      var left = limit ?? .max
      do throws(UseCaseFailure) {
        while left > 0 {
          let count = try await relay(to: printer, limit: left)
          left -= count
          guard count == 0 else { continue }
          guard follow else { return }
          do { try await Task.sleep(for: Self.pollInterval) } catch { return }
        }
      } catch {
        if error == .cancelled { return }
        throw CommandFailure(error)
      }
    }
  }
}

/// Prints events on standard output: one line each.
private struct EventPrinter: EventPublisher {
  let isJSON: Bool

  func publish(_ events: [DomainEvent]) async throws(PublishingFailure) {
    let lines = events.map { (isJSON ? $0.json : $0.line) + "\n" }.joined()
    do { try FileHandle.standardOutput.write(contentsOf: Data(lines.utf8)) } catch {
      throw .unavailable("standard output takes no more; what was not printed comes again")
    }
  }
}

extension DomainEvent {
  /// A JSON object on one line.
  fileprivate var json: String {
    let attributes = attributes.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
    return JSONText.object(raw: [
      ("id", JSONText.quoted(id.description)), ("organizationId", JSONText.quoted(organizationID.description)),
      ("kind", JSONText.quoted(kind.rawValue)),
      ("subjectId", JSONText.quoted(Identifier<DomainEvent>(subjectID).description)),
      ("occurredAt", JSONText.quoted(occurredAt.formatted(Self.timeFormat))),
      ("attributes", JSONText.object(attributes)),
    ])
  }

  /// A line for people.
  fileprivate var line: String {
    let attributes = attributes.sorted { $0.key < $1.key }.map { "\($0.key)=\(JSONText.quoted($0.value))" }
    let kind = kind.rawValue.padding(toLength: 19, withPad: " ", startingAt: 0)
    return
      ([occurredAt.formatted(.iso8601), kind, subjectID.lowercaseText] + attributes).joined(separator: "  ")
  }

  /// RFC 3339 with the milliseconds.
  private static let timeFormat = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
}
