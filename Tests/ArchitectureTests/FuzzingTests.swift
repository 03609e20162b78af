import Foundation
import Testing

@Suite("The fuzzers compile the server's own files")
struct FuzzingTests {
  private let folder = SourceTree.root.appending(path: "Fuzzing/Sources")

  @Test("each link leads to a folder of the sources")
  func links() throws {
    let links = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0 != "Fuzzers" }
    #expect(links.count > 5)
    for link in links {
      let place = folder.appending(path: link)
      let target = try FileManager.default.destinationOfSymbolicLink(atPath: place.path)
      #expect(target.hasPrefix("../../Sources/"))
      #expect(FileManager.default.fileExists(atPath: place.path), "\(link) leads to \(target), which is gone")
    }
  }

  @Test("each file that is named by itself is there, and each fuzzer in the documentation")
  func names() throws {
    let manifest = try SourceTree.text(of: "Fuzzing/Package.swift")
    let files = manifest.matches(of: #/"(\w+\.swift)"/#).map { String($0.1) }
    #expect(files.count > 3)
    let places = ["Adapters/Embeddings", "Adapters/HTTPServer/Upload"].map { "Sources/\($0)/" }
    for file in files {
      #expect(
        places.contains { FileManager.default.fileExists(atPath: SourceTree.root.appending(path: $0 + file).path) },
        "\(file) is gone")
    }
    let readme = try SourceTree.text(of: "Fuzzing/README.md")
    let fuzzers = try SourceTree.text(of: "Fuzzing/Sources/Fuzzers/Fuzzer.swift")
      .matches(of: #/\n  case (\w+)\n/#).map { String($0.1) }
    #expect(fuzzers.count > 5)
    for fuzzer in fuzzers { #expect(readme.contains("`\(fuzzer)`")) }
  }
}
