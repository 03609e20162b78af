import Glibc
import Synchronization

/// Where finished lines go.
package protocol LogOutput: Sendable {
  /// Takes one line that ends with a line feed; never interleaved with another.
  func write(line: [UInt8])
}

/// A file descriptor, usually standard error.
package final class DescriptorLogOutput: LogOutput {
  private let descriptor: Int32
  private let turn = Mutex(())

  /// Wraps a descriptor, which stays the caller's to close.
  package init(descriptor: Int32 = STDERR_FILENO) { self.descriptor = descriptor }

  /// Whether a person reads it.
  package var isTerminal: Bool { isatty(descriptor) == 1 }

  /// Writes the line as a whole under a lock. A pipe or disk that takes no more is not worth ending the server for:
  /// the rest of the line is dropped.
  package func write(line: [UInt8]) {
    turn.withLock { _ in
      line.withUnsafeBytes { bytes in
        var offset = 0
        while offset < bytes.count, let base = bytes.baseAddress {
          let count = Glibc.write(descriptor, base + offset, bytes.count - offset)
          if count > 0 {
            offset += count
          } else if count < 0 && errno == EAGAIN {
            var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            _ = Glibc.poll(&poll, 1, 1000)
            if poll.revents & Int16(POLLOUT) == 0 { return }
          } else if count == 0 || errno != EINTR {
            return
          }
        }
      }
    }
  }
}
