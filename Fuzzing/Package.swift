// swift-tools-version: 6.1
// The fuzzers, in a package of their own: `--sanitize fuzzer` gives every executable the fuzzer's main function, which
// the server and the build's own tools could not bear. What is fuzzed is compiled here from the same files (the folders
// in Sources are links), since declarations that are `package` or internal cannot be seen from another package.
import PackageDescription

/// As in the main package, whose sources these are.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
  name: "opentier-fuzzing",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
  ],
  targets: [
    .executableTarget(
      name: "Fuzzers", dependencies: ["Application", "Domain", "Embeddings", "TextExtraction", "Upload"],
      swiftSettings: strict),
    .target(name: "Domain", swiftSettings: strict),
    .target(name: "Application", dependencies: ["Domain"], swiftSettings: strict),
    .target(
      name: "Confinement",
      dependencies: [
        .product(name: "Subprocess", package: "swift-subprocess"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: strict),
    .target(
      name: "TextExtraction",
      dependencies: ["Application", "Domain", "Confinement", "CGumbo", "CZip", "CXML"],
      swiftSettings: strict + [.define("HTML"), .define("DOCX")]),
    // The tokenizer and the form parser alone; their neighbours need libraries that are of no use here.
    .target(
      name: "Embeddings", dependencies: ["Domain"],
      sources: [
        "BertCharacterTables.swift", "BertCharacters.swift", "BertTokenizer.swift", "BertWordSplitter.swift",
        "PieceTrie.swift",
      ],
      swiftSettings: strict),
    .target(name: "Upload", sources: ["MultipartParser.swift"], swiftSettings: strict),
    .systemLibrary(name: "CGumbo", pkgConfig: "gumbo", providers: [.apt(["libgumbo-dev"])]),
    .systemLibrary(name: "CZip", pkgConfig: "libzip", providers: [.apt(["libzip-dev"])]),
    .systemLibrary(name: "CXML", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),
  ]
)
