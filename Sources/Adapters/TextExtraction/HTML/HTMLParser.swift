#if HTML
import Application
import CGumbo

/// Parses HTML with libgumbo, within a budget of memory and time.
enum HTMLParser {
  /// Calls `body` with the document's root node; the tree lives until it returns, and is freed whatever happens.
  ///
  /// - Throws: `.invalid` when a budget runs out, `.cancelled` soon after the task is, or what `body` throws.
  static func withTree<Result: Sendable>(
    of bytes: [UInt8],
    limits: ExtractionLimits,
    _ body: (UnsafePointer<GumboNode>) throws(ExtractionFailure) -> Result
  ) async throws(ExtractionFailure) -> Result {
    guard let scope = gumbo_scope_create(limits.maximumHTMLMemory) else { throw limits.outOfMemory }
    defer { gumbo_scope_destroy(scope) }
    // Another thread only ever sets the scope's atomic flag, and not after the handler's scope has been left.
    nonisolated(unsafe) let shared = scope
    let time = limits.maximumHTMLTime.components
    let nanoseconds = time.seconds * 1_000_000_000 + time.attoseconds / 1_000_000_000
    return try await withTypedHandler {
      // The tree points into the bytes, so it is read while they are lent.
      bytes.withUnsafeBytes { buffer -> Swift.Result<Result, ExtractionFailure> in
        switch gumbo_scope_parse(shared, buffer.bindMemory(to: CChar.self).baseAddress, buffer.count, nanoseconds) {
        case GumboOutcomeParsed: break
        case GumboOutcomeOutOfTime: return .failure(limits.outOfTime)
        case GumboOutcomeCancelled: return .failure(.cancelled)
        default: return .failure(limits.outOfMemory)
        }
        guard let root = shared.pointee.output?.pointee.root else { return .failure(.empty) }
        return Swift.Result { () throws(ExtractionFailure) in try body(UnsafePointer(root)) }
      }
    } onCancel: {
      gumbo_scope_cancel(shared)
    }
    .get()
  }

  private static func withTypedHandler<Value: Sendable>(
    _ operation: () -> Value,
    onCancel: @Sendable () -> Void
  ) async -> Value {
    await withTaskCancellationHandler(operation: { operation() }, onCancel: onCancel)
  }
}

extension ExtractionLimits {
  var outOfMemory: ExtractionFailure {
    .invalid("the page takes more than \(maximumHTMLMemory) bytes of memory to parse: its tags are not well nested")
  }

  var outOfTime: ExtractionFailure {
    .invalid("the page takes longer than \(maximumHTMLTime) to parse: its tags are not well nested")
  }
}
#endif
