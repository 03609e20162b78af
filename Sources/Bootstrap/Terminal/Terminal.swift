import Foundation
import Synchronization

/// What the commands print with: data to standard output, messages and progress to standard error.
struct Terminal: Sendable {
  /// The terminal of this process.
  static let standard = Terminal()

  /// Whether standard error is a terminal, where a progress bar can be drawn.
  let showsProgress = isatty(STDERR_FILENO) == 1
  /// Whether standard output takes colours: a terminal, and `NO_COLOR` (https://no-color.org) is not set.
  var showsColour: Bool { isatty(STDOUT_FILENO) == 1 && allowsColour }
  /// Whether the person lets us use colours at all.
  let allowsColour = (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty

  /// Prints a line of data.
  func line(_ text: String = "") { write(text + "\n", to: STDOUT_FILENO) }

  /// Prints data without a line end, at once.
  func text(_ text: String) { write(text, to: STDOUT_FILENO) }

  /// Prints a message for people.
  func message(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

  /// Emphasised, where colours show.
  func bold(_ text: String) -> String { showsColour ? "\u{1B}[1m\(text)\u{1B}[0m" : text }

  /// Dimmed, where colours show.
  func dim(_ text: String) -> String { showsColour ? "\u{1B}[2m\(text)\u{1B}[0m" : text }

  /// Draws over the current line of standard error; nothing where that is no terminal.
  func progress(_ text: String) {
    guard showsProgress else { return }
    write("\r\u{1B}[K" + text, to: STDERR_FILENO)
  }

  /// Clears the progress line.
  func endProgress() { progress("") }

  private func write(_ text: String, to descriptor: Int32) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let written = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      // A reader that went away (`| head`) is no error of ours; anything else cannot be reported on a broken stream.
      guard written > 0 else {
        if written < 0 && errno == EINTR { continue }
        return
      }
      bytes = bytes.dropFirst(written)
    }
  }
}

/// A bar with a count, a rate and the time left.
final class ProgressBar: Sendable {
  private let label: String
  private let total: Int
  private let terminal: Terminal
  private let start = ContinuousClock.now
  private let lastDrawn = Mutex<ContinuousClock.Instant?>(nil)

  init(_ label: String, total: Int, terminal: Terminal = .standard) {
    self.label = label
    self.total = total
    self.terminal = terminal
  }

  /// Draws the bar at most ten times a second, and always when it is full.
  func show(_ done: Int) {
    let now = ContinuousClock.now
    let isDue = lastDrawn.withLock { last in
      if let last, done < total, now - last < .milliseconds(100) { return false }
      last = now
      return true
    }
    guard isDue, total > 0 else { return }
    let width = 30
    let filled = min(done, total) * width / total
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    let seconds = (now - start) / .seconds(1)
    var text = "\(label) \(bar) \(done)/\(total)"
    if done > 0, done < total, seconds > 1 {
      text += "  \(Int((seconds / Double(done) * Double(total - done)).rounded(.up))) s left"
    }
    terminal.progress(text)
  }

  /// Removes the bar.
  func end() { terminal.endProgress() }
}
