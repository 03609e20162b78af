package import Logging
package import ServiceContextModule

/// Takes what belongs to every line of a request from the current `ServiceContext`.
///
/// Adapters do not know this target. They declare a `ServiceContextKey` of their own whose `Value` has a description and
/// whose `nameOverride` is one of ``names``, and set it: the name is what connects them. The text is made where a line is
/// written, which is not for every request.
package enum ContextMetadata {
  /// The names of the context keys whose values go into each line.
  package static let names: Set<String> = ["request_id", "user_id", "organization_id"]

  /// A provider of `trace_id`, `span_id` and of the values of ``names``.
  package static let provider = Logger.MetadataProvider {
    ServiceContext.current.map(metadata(of:)) ?? [:]
  }

  /// The metadata of one context.
  package static func metadata(of context: ServiceContext) -> Logger.Metadata {
    var metadata: Logger.Metadata = [:]
    context.forEach { key, value in
      guard names.contains(key.name), let value = value as? any CustomStringConvertible else { return }
      metadata[key.name] = .string(value.description)
    }
    if let trace = context.traceContext {
      metadata["trace_id"] = .stringConvertible(trace.traceID)
      metadata["span_id"] = .stringConvertible(trace.spanID)
    }
    return metadata
  }
}
