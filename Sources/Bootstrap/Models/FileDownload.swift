import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// Downloads one file over HTTP(S).
enum FileDownload {
  /// - Parameters:
  ///   - maximumBytes: more than these end the download.
  ///   - progress: called with the bytes so far and, where the server says it, all.
  static func download(
    _ url: String,
    to path: String,
    maximumBytes: Int,
    progress: @Sendable (Int, Int?) -> Void
  ) async throws(ModelFetchFailure) {
    guard FileManager.default.createFile(atPath: path, contents: nil), let file = FileHandle(forWritingAtPath: path)
    else { throw .unwritable(path: path, reason: "the file cannot be created") }
    var settings = HTTPClient.Configuration(timeout: .init(connect: .seconds(15), read: .seconds(60)))
    // Nobody at the address is said at once, not after a minute of trying.
    settings.connectionPool.retryConnectionEstablishment = false
    let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    let result: Result<Void, any Error>
    do {
      let response = try await client.execute(HTTPClientRequest(url: url), timeout: .hours(6))
      guard response.status == .ok else { throw Refused(reason: "the server answers \(response.status)") }
      let total = response.headers.first(name: "content-length").flatMap { Int($0) }
      var received = 0
      for try await buffer in response.body {
        received += buffer.readableBytes
        guard received <= maximumBytes else { throw Refused(reason: "it is larger than \(maximumBytes) bytes") }
        try file.write(contentsOf: Array(buffer.readableBytesView))
        progress(received, total)
      }
      try file.close()
      result = .success(())
    } catch { result = .failure(error) }
    try? await client.shutdown()  // The file is whole or the failure is known: closing the connection changes neither.
    guard case .failure(let error) = result else { return }
    if Task.isCancelled || error is CancellationError { throw .cancelled }
    throw .downloadFailed(url: url, reason: (error as? Refused)?.reason ?? String(describing: error))
  }

  private struct Refused: Error {
    let reason: String
  }
}
