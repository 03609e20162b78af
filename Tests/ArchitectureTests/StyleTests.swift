import Testing

@Suite("Files stay small, names say what they hold, and nothing leaks out of the package")
struct StyleTests {
  /// From so many lines on a file needs a reason.
  static let maximumLines = 400

  /// The files that may be longer, each with its reason. An entry whose file is short again fails the test below.
  static let longFiles: [String: String] = [:]

  /// Made by generators, which `scripts/proto/check` holds against their source.
  private static func isGenerated(_ file: String) -> Bool { file.hasPrefix("Sources/Adapters/Contract/Generated/") }

  private var files: [String] {
    ["Sources", "Tests", "Plugins"].flatMap { SourceTree.swiftFiles(in: $0) }.filter { !Self.isGenerated($0) }
  }

  @Test("a file of 400 lines or more has a stated reason, and no reason outlives its file")
  func fileSizes() throws {
    let files = files
    #expect(files.count > 50, "the source tree was not found")
    var long: Set<String> = []
    for file in files
    where try SourceTree.text(of: file).split(separator: "\n", omittingEmptySubsequences: false)
      .count > Self.maximumLines
    { long.insert(file) }
    #expect(long.subtracting(Self.longFiles.keys).isEmpty)
    #expect(Set(Self.longFiles.keys).subtracting(long).isEmpty)
  }

  @Test(
    "no file is named after nothing in particular",
    arguments: ["Helpers", "Utils", "Utilities", "Manager", "Misc"]
  )
  func fileNames(word: String) {
    let vague = files.filter { $0.split(separator: "/").last?.hasSuffix(word + ".swift") == true }
    #expect(vague.isEmpty)
  }

  @Test("declarations that cross a target are package, never public")
  func noPublic() throws {
    for file in SourceTree.swiftFiles(in: "Sources") where !Self.isGenerated(file) {
      for line in try SourceTree.text(of: file).split(separator: "\n") {
        let words = line.split(separator: " ")
        let isPublic = words.first == "public" || words.first == "open" && words.dropFirst().first == "class"
        #expect(!isPublic, "\(file): \(line)")
      }
    }
  }

  @Test(
    "nobody reads the wall clock in Domain and Application: time is passed in",
    arguments: ["Domain", "Application"]
  )
  func noClock(target: String) throws {
    let files = SourceTree.swiftFiles(in: "Sources/" + target)
    #expect(!files.isEmpty)
    for file in files {
      let text = try SourceTree.text(of: file)
      for call in ["Date()", "Date.now"] {
        let isCalled = text.contains(call)
        #expect(!isCalled, "\(file) calls \(call)")
      }
    }
  }
}
