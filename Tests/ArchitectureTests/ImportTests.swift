import Testing

@Suite("Arrows point inward only")
struct ImportTests {
  @Test("a target imports only what its rule allows, and there is something to check", arguments: ImportRules.all)
  func imports(rule: ImportRule) throws {
    let files = SourceTree.swiftFiles(in: rule.folder, except: rule.excluding)
    #expect(!files.isEmpty, "\(rule.folder) is gone or empty: its rule checks nothing")
    #expect(Set(rule.exceptions.keys).isSubset(of: files), "an exception outlived its file")
    for file in files {
      let allowed = rule.allowed.union(rule.exceptions[file] ?? [])
      let forbidden = try importedModules(in: SourceTree.text(of: file)).subtracting(allowed)
      #expect(forbidden.isEmpty, "\(file) imports \(forbidden.sorted().joined(separator: ", "))")
    }
  }

  @Test("no rule lets an adapter import another, but for the contract that the wires share")
  func siblings() {
    let wires = ["HTTPServer", "GRPCServer", "IntelligenceClient"].map { "Sources/Adapters/" + $0 }
    for rule in ImportRules.adapters {
      let siblings = rule.allowed.intersection(ImportRules.adapterNames)
      let expected: Set<String> = wires.contains(rule.folder) ? ["Contract"] : []
      #expect(siblings == expected, "\(rule.folder)")
    }
  }

  @Test("every folder of Sources and of Sources/Adapters has a rule")
  func everyFolderHasARule() throws {
    let adapters = try SourceTree.folders(in: "Sources/Adapters").map { "Sources/Adapters/" + $0 }
    let others = try SourceTree.folders(in: "Sources").map { "Sources/" + $0 }.filter { $0 != "Sources/Adapters" }
    let known = Set(ImportRules.all.map(\.folder) + ImportRules.foldersWithoutSwift)
    let unnamed = (adapters + others).filter { !known.contains($0) }
    #expect(unnamed.isEmpty, "no rule names \(unnamed.joined(separator: ", "))")
  }

  @Test("folders said to hold no Swift are there and hold none")
  func foldersWithoutSwift() throws {
    let folders = try SourceTree.folders(in: "Sources").map { "Sources/" + $0 }
    for folder in ImportRules.foldersWithoutSwift {
      #expect(folders.contains(folder))
      #expect(SourceTree.swiftFiles(in: folder).isEmpty, "\(folder) holds Swift and needs a rule")
    }
  }

  @Test(
    "imports are found however they are written",
    arguments: [
      ("import A", ["A"]), ("  package import B", ["B"]), ("@testable import C", ["C"]),
      ("@preconcurrency public import D // why", ["D"]), ("@_spi(X) import E", ["E"]), ("import struct F.G", ["F"]),
      ("import H.I", ["H"]), ("import J; import K", ["J", "K"]), ("// import L\nlet important = 1", []),
      ("#if canImport(M)\nimport M\n#endif", ["M"]),
    ]
  )
  func parsing(source: String, expected: [String]) {
    #expect(importedModules(in: source) == Set(expected))
  }
}
