import Application

/// Runs what takes time, and cancels it when its time is up.
///
/// - Returns: `nil` when it was.
/// - Throws: what `body` throws; `.cancelled` when the calling task was.
func withTimeLimit<Value: Sendable>(
  _ time: Duration, _ body: @escaping @Sendable () async throws(ExtractionFailure) -> Value
) async throws(ExtractionFailure) -> Value? {
  let outcome = await withTaskGroup(of: Result<Value, ExtractionFailure>?.self) { group in
    group.addTask {
      do throws(ExtractionFailure) { return .success(try await body()) } catch { return .failure(error) }
    }
    group.addTask {
      // It wakes early only when cancelled: then what it says is not asked for, or the calling task was.
      do { try await Task.sleep(for: time) } catch { return .failure(.cancelled) }
      return nil
    }
    defer { group.cancelAll() }
    return await group.next() ?? nil
  }
  try checkCancellation()
  return try outcome?.get()
}
