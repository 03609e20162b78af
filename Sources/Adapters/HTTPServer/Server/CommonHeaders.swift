import HTTPTypes

extension HTTPField.Name {
  /// Names the request in the answer and the log.
  // "x-request-id" is a token (RFC 9110 §5.6.2), which is all that the initialiser checks.
  static let requestID = Self("x-request-id")!
  static let contentSecurityPolicy = Self("content-security-policy")!
  static let contentTypeOptions = Self("x-content-type-options")!
  static let referrerPolicy = Self("referrer-policy")!
  static let crossOriginResourcePolicy = Self("cross-origin-resource-policy")!
  static let accelBuffering = Self("x-accel-buffering")!
  static let acceptPost = Self("accept-post")!
  static let forwardedProto = Self("x-forwarded-proto")!
  static let shouldRetry = Self("x-should-retry")!
  static let lastEventID = Self("last-event-id")!

  // The Connect protocol reference.
  static let connectProtocolVersion = Self("connect-protocol-version")!
  static let connectTimeout = Self("connect-timeout-ms")!
  static let connectContentEncoding = Self("connect-content-encoding")!
  static let connectAcceptEncoding = Self("connect-accept-encoding")!

  // gRPC's PROTOCOL-HTTP2.md and PROTOCOL-WEB.md.
  static let grpcTimeout = Self("grpc-timeout")!
  static let grpcEncoding = Self("grpc-encoding")!
  static let grpcAcceptEncoding = Self("grpc-accept-encoding")!
  static let grpcStatus = Self("grpc-status")!
  static let grpcMessage = Self("grpc-message")!
  static let grpcStatusDetails = Self("grpc-status-details-bin")!
}

extension HTTPFields {
  /// Adds what every answer carries.
  mutating func addCommon(requestID: String, date: String) {
    self[.requestID] = requestID
    self[.date] = date
    // Trusted Types and no foreign scripts: an answer or a document shown in the page cannot run anything.
    self[.contentSecurityPolicy] = """
      default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
      require-trusted-types-for 'script'
      """
    self[.contentTypeOptions] = "nosniff"
    self[.referrerPolicy] = "no-referrer"
    self[.crossOriginResourcePolicy] = "same-origin"
  }
}
