import Testing

/// What the files of one target may import.
struct ImportRule: CustomTestStringConvertible {
  /// From the package's folder.
  let folder: String
  /// Folders within it that have a rule of their own.
  var excluding: [String] = []
  let allowed: Set<String>
  /// What single files may import besides, by their paths.
  var exceptions: [String: Set<String>] = [:]

  var testDescription: String { folder }
}

/// The rules of every target below `Sources`. Who needs another import adds it here, and so says it aloud.
enum ImportRules {
  /// The language's own library, and the part of Foundation without locales.
  static let standard: Set<String> = ["Swift", "Synchronization", "FoundationEssentials"]
  /// What the operating system gives.
  static let system: Set<String> = ["Foundation", "Glibc", "Musl", "Darwin", "Dispatch"]
  /// The inside of the hexagon.
  static let core: Set<String> = ["Domain", "Application"]

  static let domain = ImportRule(
    folder: "Sources/Domain",
    allowed: standard,
    exceptions: [
      // On Darwin alone, where Foundation is part of the system and the only one to normalise text.
      "Sources/Domain/Text/CanonicalComposition.swift": ["Foundation"]
    ]
  )
  static let application = ImportRule(folder: "Sources/Application", allowed: standard.union(["Domain"]))

  /// Each adapter by its technology.
  static let adapters: [ImportRule] = [
    adapter("Contract", ["GRPCCore", "GRPCProtobuf", "Logging", "ServiceContextModule", "SwiftProtobuf"]),
    adapter("Egress", ["AsyncHTTPClient", "NIOCore", "NIOPosix", "NIOHTTP1", "NIOSSL", "Logging"]),
    adapter("Embeddings", ["COneDNN", "CVectorMath", "Crypto"]),
    adapter(
      "GRPCServer",
      [
        // The wires share the contract's implementation; no other adapter is known to another.
        "Contract", "GRPCCore", "GRPCNIOTransportHTTP2Posix", "GRPCProtobuf", "Instrumentation", "Logging", "Metrics",
        "NIOCore", "NIOHPACK", "NIOHTTP2", "NIOPosix", "NIOSSL", "ServiceContextModule", "ServiceLifecycle",
        "SwiftProtobuf", "Tracing",
      ]
    ),
    adapter(
      "HTTPServer",
      [
        "CZlib", "Contract", "EmbeddedFiles", "GRPCCore", "HTTPTypes", "Hummingbird", "HummingbirdCore",
        "Instrumentation", "JSONValues", "Logging", "Metrics", "NIOCore", "NIOHTTP1", "NIOHTTPTypes",
        "NIOHTTPTypesHTTP1", "NIOPosix",
        "ServiceContextModule", "ServiceLifecycle", "SwiftProtobuf", "Tracing",
      ]
    ),
    adapter("GitRepositories", ["Confinement"]),
    adapter("InMemoryStorage", []),
    adapter(
      "IntelligenceClient",
      [
        "Contract", "GRPCCore", "GRPCNIOTransportHTTP2Posix", "GRPCProtobuf", "Instrumentation", "Logging",
        "ServiceContextModule", "ServiceLifecycle", "SwiftProtobuf",
      ]
    ),
    adapter(
      "LanguageModels",
      [
        "AsyncHTTPClient", "Instrumentation", "JSONValues", "Logging", "NIOCore", "NIOFoundationCompat", "NIOHTTP1",
        "NIOPosix", "NIOSSL", "NIOTLS", "ServiceContextModule",
      ]
    ),
    adapter(
      "PostgresStorage",
      [
        "CLibPQ", "Crypto", "EmbeddedFiles", "SchemaMigrations", "StorageBackups", "StoredJSON", "Subprocess",
        "SystemPackage",
      ]),
    adapter("SQLiteStorage", ["CVectorMath", "Crypto", "GRDB", "SchemaMigrations", "StorageBackups", "StoredJSON"]),
    adapter("SystemSecurity", ["CCrypt", "Crypto"]),
    adapter("Telemetry", ["CoreMetrics", "Instrumentation", "Logging", "Metrics", "ServiceContextModule", "Tracing"]),
    adapter("TextExtraction", ["CGumbo", "CXML", "CZip", "Confinement"]),
  ]

  /// What the composition root is made of besides the root itself, and what the storage adapters share.
  static let parts: [ImportRule] = [
    ImportRule(folder: "Sources/EmbeddedFiles", allowed: standard),
    ImportRule(folder: "Sources/SchemaMigrations", allowed: standard.union(["Crypto", "EmbeddedFiles"])),
    ImportRule(folder: "Sources/Confinement", allowed: standard.union(["Subprocess", "SystemPackage"])),
    ImportRule(folder: "Sources/JSONValues", allowed: standard),
    ImportRule(folder: "Sources/StoredJSON", allowed: standard.union(["Domain"])),
    ImportRule(folder: "Sources/StorageBackups", allowed: standard.union(system).union(["Crypto"])),
    ImportRule(folder: "Sources/EmbedFilesTool", allowed: standard.union(system)),
    ImportRule(
      folder: "Sources/Bootstrap/Configuration", allowed: standard.union(system).union(["Configuration", "Domain"])),
    ImportRule(
      folder: "Sources/Bootstrap/Gateway",
      allowed: standard.union([
        "Application", "Contract", "GRPCServer", "HTTPServer", "IntelligenceClient", "Logging", "ServiceLifecycle",
        "Settings",
      ])
    ),
    ImportRule(
      folder: "Sources/Bootstrap/Models",
      allowed: standard.union(system).union(["AsyncHTTPClient", "Crypto", "Embeddings", "NIOCore", "NIOHTTP1"])
    ),
  ]

  /// The one target that knows the adapters; it knows no driver, only what starts, configures and observes a process.
  static let bootstrap = ImportRule(
    folder: "Sources/Bootstrap",
    excluding: ["Configuration", "Gateway", "Models"],
    allowed: standard.union(system).union(core).union(adapterNames).union([
      "ArgumentParser", "AsyncHTTPClient", "EmbeddedFiles", "Gateway", "Instrumentation", "Logging", "Metrics",
      "ModelFetching",
      "NIOCore", "SchemaMigrations", "ServiceContextModule", "ServiceLifecycle", "Settings", "StorageBackups",
      "Tracing",
      "UnixSignals",
    ])
  )

  static let all = [domain, application, bootstrap] + adapters + parts

  /// C targets hold no Swift.
  static let foldersWithoutSwift = [
    "Sources/CCrypt", "Sources/CGumbo", "Sources/CLibPQ", "Sources/COneDNN", "Sources/CVectorMath", "Sources/CXML",
    "Sources/CZip", "Sources/CZlib",
  ]

  static var adapterNames: [String] { adapters.map { String($0.folder.dropFirst("Sources/Adapters/".count)) } }

  private static func adapter(_ name: String, _ technology: Set<String>) -> ImportRule {
    ImportRule(
      folder: "Sources/Adapters/" + name,
      allowed: standard.union(system).union(core).union(technology)
    )
  }
}
