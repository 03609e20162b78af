import Instrumentation
import NIOHTTP1
import ServiceContextModule

/// Passes the trace of the current task on to a provider.
enum TraceHeaders {
  /// Adds what an instrument makes of the current context (`traceparent`, say), in place of any before.
  static func inject(into headers: inout HTTPHeaders, by instrument: any Instrument) {
    guard let context = ServiceContext.current else { return }
    instrument.inject(context, into: &headers, using: HeaderInjector())
  }

  private struct HeaderInjector: Injector {
    func inject(_ value: String, forKey name: String, into headers: inout HTTPHeaders) {
      headers.replaceOrAdd(name: name, value: value)
    }
  }
}
