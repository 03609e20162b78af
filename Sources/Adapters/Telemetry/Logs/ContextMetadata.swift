package import Logging
package import ServiceContextModule

/// Takes what belongs to every line of a request from the current `ServiceContext`.
///
/// Adapters do not know this target. They declare a `ServiceContextKey` of their own whose `Value` is a
/// `Logger.MetadataProvider`, and set it: it is asked where a line is written, which is not for every request.
package enum ContextMetadata {
  /// A provider of `trace_id`, `span_id` and of what the providers in the context have.
  package static let provider = Logger.MetadataProvider {
    ServiceContext.current.map(metadata(of:)) ?? [:]
  }

  /// The metadata of one context.
  package static func metadata(of context: ServiceContext) -> Logger.Metadata {
    var metadata: Logger.Metadata = [:]
    context.forEach { _, value in
      guard let provider = value as? Logger.MetadataProvider else { return }
      metadata.merge(provider.get()) { _, new in new }
    }
    if let trace = context.traceContext {
      metadata["trace_id"] = .stringConvertible(trace.traceID)
      metadata["span_id"] = .stringConvertible(trace.spanID)
    }
    return metadata
  }
}
