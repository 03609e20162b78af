import Foundation

/// The targets of the package and what each depends on, as Package.swift says it.
///
/// `swift package dump-package` would say it too, and takes seconds; the manifest names targets as strings and products
/// of other packages as constants, which is all that has to be told apart.
struct TargetGraph {
  private(set) var dependencies: [String: Set<String>] = [:]

  /// Reads a manifest's text.
  init(manifest: String) throws {
    // A dependency on a condition looks like a target of its own.
    let manifest = manifest.replacing(#/\.target\(name:\s*("[^"]+"),\s*condition:[^()]*\([^()]*\)\)/#) { $0.1 }
    // From one target's name to the next: its dependencies are in between.
    let parts = manifest.split(
      separator: #/\.(?:executableTarget|testTarget|target)\(\s*name:\s*"/#, omittingEmptySubsequences: false
    )
    .dropFirst()
    for part in parts {
      guard let end = part.firstIndex(of: "\"") else { continue }
      let name = String(part[..<end])
      guard let list = part.firstMatch(of: #/dependencies:\s*\[((?:[^\[\]]|\[[^\[\]]*\])*)\]/#) else {
        dependencies[name] = []
        continue
      }
      dependencies[name] = Set(list.1.matches(of: #/"([A-Za-z][A-Za-z0-9-]*)"/#).map { String($0.1) })
    }
  }

  /// All that a target depends on, through all levels, itself left out.
  func closure(of target: String) -> Set<String> {
    var found: Set<String> = []
    var next = Array(dependencies[target] ?? [])
    while let name = next.popLast() {
      if found.insert(name).inserted { next += dependencies[name] ?? [] }
    }
    return found
  }
}
