import Application
import Domain
import Foundation
import Testing

@testable import GitRepositories

@Suite("Repositories read by git", .enabled(if: Git.isThere || Git.mustBeThere))
struct GitRepositoryReaderTests {
  let source: SourceRepository

  init() throws { source = try SourceRepository() }

  private func reader(_ limits: GitRepositoryReader.Limits = .init()) -> GitRepositoryReader {
    GitRepositoryReader(
      directory: source.copies, limits: limits,
      locate: { (url) async throws(FetchFailure) in
        guard url.hasPrefix("https://git.example.org:1/") else { throw .refused("not \(url)") }
        return ResolvedAddress(host: "git.example.org", port: 1, addresses: ["127.0.0.1"])
      }, hash: { text in "copy-\(text.utf8.count)-\(text.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xFFFF_FFFF })" })
  }

  private func failure(_ spec: RepositorySpec, _ limits: GitRepositoryReader.Limits = .init()) async -> FetchFailure? {
    do throws(FetchFailure) {
      _ = try await reader(limits).snapshot(of: spec, unlessAt: nil)
      return nil
    } catch {
      return error
    }
  }

  @Test("the regular files of the newest commit are listed with their blobs and sizes, and read byte for byte")
  func files() async throws {
    try source.commit(["old.md": "Gone.\n"])
    try FileManager.default.removeItem(atPath: source.path + "/old.md")
    try FileManager.default.createSymbolicLink(
      atPath: source.path + "/link.md", withDestinationPath: "/etc/passwd")
    let bytes = Data((0..<70_000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
    try source.write(bytes, to: "image.bin")
    let head = try source.commit([
      "README.md": "It is about potoroos.\n", "docs/größe x.md": "Size matters.\n", "line\nbreak.md": "A\n",
      "empty.txt": "",
    ])
    // A submodule: a commit of another repository in the tree.
    try source.git("update-index", "--add", "--cacheinfo", "160000,\(head),sub")
    try source.git("commit", "--quiet", "--message", "A submodule")
    let reader = reader()
    let spec = RepositorySpec(location: source.path)
    let snapshot = try #require(try await reader.snapshot(of: spec, unlessAt: nil))
    #expect(snapshot.commit == (try source.git("rev-parse", "HEAD")))
    let sizes = Dictionary(uniqueKeysWithValues: snapshot.files.map { ($0.path, $0.size) })
    #expect(
      sizes == ["README.md": 22, "docs/größe x.md": 14, "line\nbreak.md": 2, "empty.txt": 0, "image.bin": 70_000])
    let missing = String(repeating: "0", count: 40)
    let contents = try await reader.contents(of: snapshot.files.map(\.blob) + [missing], in: spec)
    #expect(contents.count == 5)
    for file in snapshot.files {
      let blob = try #require(contents[file.blob])
      let written = try Data(contentsOf: URL(filePath: source.path).appending(path: file.path))
      #expect(Data(blob) == written, "\(file.path)")
    }
  }

  @Test("a commit that is at hand is not fetched again; otherwise the newest is")
  func sameCommit() async throws {
    let first = try source.commit(["a.md": "A.\n"])
    let spec = RepositorySpec(location: source.path)
    #expect(try await reader().snapshot(of: spec, unlessAt: first)?.commit == first)
    let second = try source.commit(["b.md": "B.\n"])
    #expect(try await reader().snapshot(of: spec, unlessAt: first) == nil)
    #expect(try await reader().snapshot(of: spec, unlessAt: second)?.files.map(\.path) == ["a.md", "b.md"])
    #expect(try await reader().snapshot(of: spec, unlessAt: second) == nil)
    // What was fetched before is replaced, not kept beside it, and the history is left where it is.
    #expect(try await reader().snapshot(of: spec, unlessAt: nil)?.commit == second)
    let copies = try FileManager.default.contentsOfDirectory(atPath: source.copies)
    #expect(copies.count == 1)
    #expect(FileManager.default.fileExists(atPath: "\(source.copies)/\(copies[0])/shallow"))
  }

  @Test("a branch and a tag are read by their names; one that is not there will not come by waiting")
  func references() async throws {
    try source.commit(["a.md": "A.\n"])
    try source.git("tag", "v1")
    try source.git("checkout", "--quiet", "-b", "other")
    try source.commit(["b.md": "B.\n"])
    try source.git("checkout", "--quiet", "main")
    func paths(_ reference: String?) async throws -> [String]? {
      try await reader().snapshot(
        of: RepositorySpec(location: source.path, reference: reference), unlessAt: nil)?.files.map(\.path)
    }
    #expect(try await paths(nil) == ["a.md"])
    #expect(try await paths("other") == ["a.md", "b.md"])
    #expect(try await paths("v1") == ["a.md"])
    guard case .invalid(let reason)? = await failure(RepositorySpec(location: source.path, reference: "nowhere")) else {
      Issue.record("a branch that is not there")
      return
    }
    #expect(reason.contains("nowhere"))
    guard case .invalid = await failure(RepositorySpec(location: source.path + "/nothing")) else {
      Issue.record("a repository that is not there")
      return
    }
  }

  @Test(
    "an address of another scheme, or of a host that is not allowed, is refused before git is asked",
    arguments: [
      "http://git.example.org/a.git", "ssh://git.example.org/a.git", "git@git.example.org:a.git", "ext::sh -c true",
      "file:///etc", "https://elsewhere.example.org/a.git", "--upload-pack=true",
    ])
  func refused(_ location: String) async throws {
    guard case .refused? = await failure(RepositorySpec(location: location)) else {
      Issue.record("\(location)")
      return
    }
    #expect(!FileManager.default.fileExists(atPath: source.copies))
  }

  @Test("nothing that a repository says of itself is run")
  func hostile() async throws {
    let trap = source.folder.appending(path: "trapped").path(percentEncoded: false)
    try source.commit(["a.md": "A.\n", ".gitattributes": "*.md filter=trap diff=trap\n"])
    for key in [
      "core.fsmonitor", "core.sshCommand", "filter.trap.smudge", "filter.trap.process", "uploadpack.packObjectsHook",
      "diff.trap.textconv", "core.pager",
    ] {
      try source.git("config", key, "touch \(trap); cat")
    }
    for hook in ["post-checkout", "post-merge", "reference-transaction", "post-upload-pack", "pre-auto-gc"] {
      let file = URL(filePath: source.path).appending(path: ".git/hooks/\(hook)")
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data("#!/bin/sh\ntouch \(trap)\n".utf8).write(to: file)
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o755], ofItemAtPath: file.path(percentEncoded: false))
    }
    let spec = RepositorySpec(location: source.path)
    let reader = reader()
    let snapshot = try #require(try await reader.snapshot(of: spec, unlessAt: nil))
    let contents = try await reader.contents(of: snapshot.files.map(\.blob), in: spec)
    #expect(contents.count == 2)
    #expect(!FileManager.default.fileExists(atPath: trap))
  }

  @Test("a repository that is larger than the limit fails, and says so")
  func tooLarge() async throws {
    var generator = SystemRandomNumberGenerator()
    let noise = Data((0..<(3 << 20)).map { _ in UInt8.random(in: 0...255, using: &generator) })
    try source.write(noise, to: "noise.md")
    try source.commit([:])
    var limits = GitRepositoryReader.Limits()
    limits.maximumBytes = 1 << 20
    let failure = try #require(await failure(RepositorySpec(location: source.path), limits))
    guard case .invalid(let reason) = failure else {
      Issue.record("\(failure)")
      return
    }
    #expect(reason.contains("too large"))
    limits.maximumBytes = 8 << 20
    #expect(await self.failure(RepositorySpec(location: source.path), limits) == nil)
  }

  @Test("a command that takes longer than its time ends, and is worth another try")
  func slow() async throws {
    try source.commit(["a.md": "A.\n"])
    var limits = GitRepositoryReader.Limits()
    limits.time = .milliseconds(1)
    guard case .unavailable(let reason)? = await failure(RepositorySpec(location: source.path), limits) else {
      Issue.record("it was quick")
      return
    }
    #expect(reason.contains("longer than"))
  }

  @Test("a name is not resolved anew: git connects to the address that was looked at")
  func pinned() async throws {
    let outcome = await failure(RepositorySpec(location: "https://git.example.org:1/a.git", reference: nil))
    guard case .unavailable(let why) = outcome else {
      Issue.record("\(String(describing: outcome))")
      return
    }
    // Nobody listens at port 1; without the address the name could not be found.
    #expect(why.contains("Failed to connect to git.example.org port 1"), "\(why)")
    #expect(why.hasPrefix("git fetch:"), "\(why)")
  }

  @Test("addresses are handed to git as it reads them, and only to one that does")
  func pins() {
    let place = ResolvedAddress(host: "h", port: 443, addresses: ["192.0.2.1", "2001:db8:0:0:0:0:0:1"])
    #expect(
      GitRepositoryReader.pins(place) == ["http.curloptResolve=h:443:192.0.2.1,[2001:db8:0:0:0:0:0:1]"])
    let literal = ResolvedAddress(host: "192.0.2.1", port: 443, addresses: ["192.0.2.1"])
    #expect(GitRepositoryReader.pins(literal).isEmpty)
    for version in ["git version 2.37.0", "git version 2.39.5\n", "git version 3.0.1"] {
      #expect(GitRepositoryReader.pins(version: version))
    }
    for version in ["git version 2.36.9", "git version 1.40.0", "", "git"] {
      #expect(!GitRepositoryReader.pins(version: version))
    }
  }
}

@Suite("What git prints")
struct GitOutputTests {
  @Test("a tree is read entry by entry, and what is no regular file is left out")
  func tree() {
    let id = String(repeating: "a", count: 40)
    let tree =
      "100644 blob \(id)      12\tREADME.md\0100755 blob \(id)       3\ta b\tc\0120000 blob \(id)      11\tlink\0"
      + "160000 commit \(id)       -\tsub\0100644 blob \(id)       -\tno size\0nonsense\0"
    #expect(
      GitRepositoryReader.files(Array(tree.utf8)) == [
        RepositoryFile(path: "README.md", blob: id, size: 12), RepositoryFile(path: "a b\tc", blob: id, size: 3),
      ])
    #expect(GitRepositoryReader.files([]).isEmpty)
  }

  @Test("contents are read by their sizes, whatever bytes they are; what is missing or cut off is left out")
  func contents() {
    let output = "a1 blob 6\nx\ny\0z\n\nb2 missing\nc3 blob 0\n\nd4 blob 99\ncut off"
    #expect(
      GitRepositoryReader.contents(Array(output.utf8)) == ["a1": Array("x\ny\0z\n".utf8), "c3": []])
    #expect(GitRepositoryReader.contents([]).isEmpty)
  }
}
