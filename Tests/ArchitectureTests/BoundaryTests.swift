import Foundation
import Testing

@Suite("The public half links nothing that thinks")
struct BoundaryTests {
  /// Models, embedding and extraction, and what they compute with.
  static let thinking: Set<String> = [
    "LanguageModels", "Embeddings", "TextExtraction", "CVectorMath", "CGumbo", "ModelFetching", "Bootstrap",
  ]

  private static var graph: TargetGraph {
    get throws {
      try TargetGraph(
        manifest: String(contentsOf: SourceTree.root.appending(path: "Package.swift"), encoding: .utf8))
    }
  }

  @Test("the target Gateway depends on no model, embedder or extraction, through all levels")
  func gateway() throws {
    let closure = try Self.graph.closure(of: "Gateway")
    #expect(closure.isSuperset(of: ["Application", "Domain", "Contract", "HTTPServer", "GRPCServer"]))
    #expect(closure.isDisjoint(with: Self.thinking), "\(closure.intersection(Self.thinking).sorted())")
  }

  @Test("the names that it must not depend on are targets, or parts of one")
  func namesAreKnown() throws {
    let graph = try Self.graph
    let known = Set(graph.dependencies.keys).union(graph.dependencies.values.joined())
    #expect(Self.thinking.isSubset(of: known), "\(Self.thinking.subtracting(known).sorted())")
    // The executable is composed of both halves.
    #expect(graph.closure(of: "Bootstrap").isSuperset(of: ["Gateway", "LanguageModels", "Embeddings", "CVectorMath"]))
  }

  @Test("a dependency is found however deep it lies")
  func deep() throws {
    let graph = try TargetGraph(
      manifest: """
        .target(name: "A", dependencies: ["B", product]), .target(
          name: "B",
          dependencies: ["C", .target(name: "D", condition: .when(traits: ["T"]))]),
        .target(name: "C"), .testTarget(name: "E", dependencies: ["A"])
        """)
    #expect(graph.closure(of: "A").isSuperset(of: ["B", "C", "D"]))
    #expect(graph.closure(of: "C").isEmpty)
  }
}
