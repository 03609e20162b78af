package import Domain

/// Why a payload gave no text; the words are for the submitter.
package enum ExtractionFailure: Error, Hashable, Sendable {
  /// This build or configuration does not read the type.
  case unsupported(String)
  /// The payload is broken or beyond a limit.
  case invalid(String)
  /// There is no text in it.
  case empty
  /// The calling task was cancelled.
  case cancelled
}

/// Bytes with what is known of their type.
package struct Payload: Hashable, Sendable {
  /// The bytes.
  package let bytes: [UInt8]
  /// The type that the sender named; `.unknown` when none.
  package let mediaType: MediaType
  /// The file's name, where there is one.
  package let fileName: String?

  /// Makes a payload.
  package init(bytes: [UInt8], mediaType: MediaType, fileName: String?) {
    self.bytes = bytes
    self.mediaType = mediaType
    self.fileName = fileName
  }
}

/// Turns payloads into clean text with structure.
package protocol TextExtractor: Sendable {
  /// Extracts and cleans; the media type in the answer is the one that the bytes turned out to have.
  func extract(_ payload: Payload) async throws(ExtractionFailure) -> (text: ExtractedText, mediaType: MediaType)
}

/// Why an address gave no payload; the words are for the submitter.
package enum FetchFailure: Error, Hashable, Sendable {
  /// The address is not one, or not on the list of hosts that the operator allows.
  case refused(String)
  /// The host does not answer, or with a 5xx; worth a later try.
  case unavailable(String)
  /// The host answered with something that will not get better: 4xx, too large.
  case invalid(String)
  /// The calling task was cancelled.
  case cancelled
}

/// Fetches what a URL submission names.
package protocol ContentFetcher: Sendable {
  /// Whether the address would be refused by policy, checked before anything is stored.
  func check(_ url: String) throws(FetchFailure)

  /// Fetches an address.
  func fetch(_ url: String) async throws(FetchFailure) -> Payload
}
