import FoundationEssentials

/// The fuzzer that the environment names: libFuzzer's own options leave no room for a name.
private let chosen: Fuzzer = {
  let name = ProcessInfo.processInfo.environment["OPENTIER_FUZZER"] ?? ""
  guard let fuzzer = Fuzzer(rawValue: name) else {
    fatalError("OPENTIER_FUZZER must be one of: \(Fuzzer.allCases.map(\.rawValue).joined(separator: " "))")
  }
  return fuzzer
}()

/// libFuzzer calls this with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func takeInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  chosen.take(Array(UnsafeBufferPointer(start: start, count: count)))
  return 0
}
