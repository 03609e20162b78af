// swift-tools-version: 6.1
import PackageDescription

/// Settings every Swift target of this package shares.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

// Each product by the name that its import has, so that a target's dependency list reads as its imports do.
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let grpcCore = Target.Dependency.product(name: "GRPCCore", package: "grpc-swift-2")
let grpcTransport = Target.Dependency.product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport")
let grpcProtobuf = Target.Dependency.product(name: "GRPCProtobuf", package: "grpc-swift-protobuf")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let tracing = Target.Dependency.product(name: "Tracing", package: "swift-distributed-tracing")
let instrumentation = Target.Dependency.product(name: "Instrumentation", package: "swift-distributed-tracing")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioHPACK = Target.Dependency.product(name: "NIOHPACK", package: "swift-nio-http2")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioHTTPTypesHTTP1 = Target.Dependency.product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
let nioFoundationCompat = Target.Dependency.product(name: "NIOFoundationCompat", package: "swift-nio")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let serviceContext = Target.Dependency.product(name: "ServiceContextModule", package: "swift-service-context")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let swiftProtobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")

let package = Package(
  name: "opentier",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "opentier", targets: ["Bootstrap"])
  ],
  traits: [
    .trait(name: "HTML", description: "HTML extraction through libgumbo (Debian: libgumbo-dev)."),
    .trait(name: "DOCX", description: "DOCX extraction through libzip and libxml2 (Debian: libzip-dev, libxml2-dev)."),
    .trait(name: "OneDNN", description: "The embedder in bfloat16 through oneDNN (Debian: libdnnl-dev)."),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: [.defaults, "YAML"]),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
    .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/apple/swift-service-context", from: "1.5.1"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
    .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
    .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.1"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
  ],
  targets: [
    // The hexagon: arrows point inward only.
    .target(name: "Domain", swiftSettings: strict),
    .target(name: "Application", dependencies: ["Domain"], swiftSettings: strict),

    // Adapters: one target a technology; none imports another, but for `Contract`, which the wires share.
    .target(
      name: "InMemoryStorage", dependencies: ["Application", "Domain"], path: "Sources/Adapters/InMemoryStorage",
      swiftSettings: strict),
    .target(
      name: "SQLiteStorage",
      dependencies: [
        "Application", "Domain", "CVectorMath", "SchemaMigrations", "StorageBackups", "StoredJSON", grdb, crypto,
      ],
      path: "Sources/Adapters/SQLiteStorage", swiftSettings: strict),
    .target(
      name: "PostgresStorage",
      dependencies: [
        "Application", "Domain", "CLibPQ", "EmbeddedFiles", "SchemaMigrations", "StorageBackups", "StoredJSON",
        subprocess,
        systemPackage, crypto,
      ],
      path: "Sources/Adapters/PostgresStorage", swiftSettings: strict),
    .target(
      name: "Contract",
      dependencies: ["Application", "Domain", grpcCore, grpcProtobuf, swiftProtobuf, logging, serviceContext],
      path: "Sources/Adapters/Contract", swiftSettings: strict),
    .target(
      name: "HTTPServer",
      dependencies: [
        "Application", "Domain", "CZlib", "Contract", "EmbeddedFiles", "JSONValues", hummingbird, hummingbirdCore,
        grpcCore, swiftProtobuf, nioCore, nioPosix, nioHTTP1, nioHTTPTypes, nioHTTPTypesHTTP1, httpTypes, logging,
        metrics,
        instrumentation, tracing, serviceContext, serviceLifecycle,
      ],
      path: "Sources/Adapters/HTTPServer", swiftSettings: strict),
    .target(
      name: "GRPCServer",
      dependencies: [
        "Application", "Domain", "Contract", grpcCore, grpcProtobuf, grpcTransport, swiftProtobuf, nioCore, nioPosix,
        nioHPACK, nioHTTP2, nioSSL, logging, metrics, instrumentation, tracing, serviceContext, serviceLifecycle,
      ],
      path: "Sources/Adapters/GRPCServer", swiftSettings: strict),
    .target(
      name: "IntelligenceClient",
      dependencies: [
        "Application", "Domain", "Contract", grpcCore, grpcProtobuf, grpcTransport, swiftProtobuf, logging,
        instrumentation, serviceContext, serviceLifecycle,
      ],
      path: "Sources/Adapters/IntelligenceClient", swiftSettings: strict),
    .target(
      name: "LanguageModels",
      dependencies: [
        "Application", "Domain", "JSONValues", asyncHTTPClient, nioCore, nioPosix, nioHTTP1, nioTLS, nioSSL,
        nioFoundationCompat, logging, instrumentation, serviceContext,
      ],
      path: "Sources/Adapters/LanguageModels", swiftSettings: strict),
    .target(
      name: "Egress",
      dependencies: ["Application", "Domain", asyncHTTPClient, nioCore, nioPosix, nioHTTP1, nioSSL, logging],
      path: "Sources/Adapters/Egress", swiftSettings: strict),
    .target(name: "Confinement", dependencies: [subprocess, systemPackage], swiftSettings: strict),
    .target(
      name: "GitRepositories", dependencies: ["Application", "Domain", "Confinement"],
      path: "Sources/Adapters/GitRepositories", swiftSettings: strict),
    .target(
      name: "Embeddings",
      dependencies: [
        "Application", "Domain", "CVectorMath", .target(name: "COneDNN", condition: .when(traits: ["OneDNN"])), crypto,
      ],
      path: "Sources/Adapters/Embeddings", swiftSettings: strict),
    .target(
      name: "TextExtraction",
      dependencies: [
        "Application", "Domain", "Confinement",
        .target(name: "CGumbo", condition: .when(traits: ["HTML"])),
        .target(name: "CZip", condition: .when(traits: ["DOCX"])),
        .target(name: "CXML", condition: .when(traits: ["DOCX"])),
      ],
      path: "Sources/Adapters/TextExtraction", swiftSettings: strict),
    .target(
      name: "SystemSecurity", dependencies: ["Application", "Domain", "CCrypt", crypto],
      path: "Sources/Adapters/SystemSecurity", swiftSettings: strict),
    .target(
      name: "Telemetry",
      dependencies: ["Domain", logging, coreMetrics, metrics, instrumentation, tracing, serviceContext],
      path: "Sources/Adapters/Telemetry", swiftSettings: strict),

    // What every storage adapter does alike: steps of a schema, and backups.
    .target(name: "SchemaMigrations", dependencies: ["EmbeddedFiles", crypto], swiftSettings: strict),
    .target(name: "StoredJSON", dependencies: ["Domain"], swiftSettings: strict),
    // JSON of other people's shapes: of the providers' protocols, and of OpenAI's that we serve.
    .target(name: "JSONValues", swiftSettings: strict),
    .target(name: "StorageBackups", dependencies: [crypto], swiftSettings: strict),

    // C: kernels of our own, and the headers of libraries that Debian ships.
    .target(name: "CVectorMath", cSettings: [.unsafeFlags(["-O3"], .when(configuration: .debug))]),
    .systemLibrary(name: "CCrypt"),
    .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "COneDNN", providers: [.apt(["libdnnl-dev"])]),
    .systemLibrary(name: "CGumbo", pkgConfig: "gumbo", providers: [.apt(["libgumbo-dev"])]),
    .systemLibrary(name: "CZip", pkgConfig: "libzip", providers: [.apt(["libzip-dev"])]),
    .systemLibrary(name: "CXML", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),

    // The web client and the migrations, embedded from the files in the repository.
    .target(name: "EmbeddedFiles", swiftSettings: strict, plugins: ["EmbedFiles"]),
    .plugin(name: "EmbedFiles", capability: .buildTool(), dependencies: ["embed-files"]),
    .executableTarget(name: "embed-files", path: "Sources/EmbedFilesTool", swiftSettings: strict),

    // The composition root: settings and the model's download apart, so that tests can reach them.
    .target(
      name: "Settings", dependencies: ["Domain", configuration], path: "Sources/Bootstrap/Configuration",
      swiftSettings: strict),
    // The public half of the server. What it links is what the table of its dependencies says, through all levels: no
    // model, no embedder, no extraction. A test holds it to that.
    .target(
      name: "Gateway",
      dependencies: [
        "Application", "Contract", "HTTPServer", "GRPCServer", "IntelligenceClient", "Settings", logging,
        serviceLifecycle,
      ],
      path: "Sources/Bootstrap/Gateway", swiftSettings: strict),
    .target(
      name: "ModelFetching", dependencies: ["Embeddings", crypto, asyncHTTPClient, nioCore, nioHTTP1],
      path: "Sources/Bootstrap/Models", swiftSettings: strict),
    .executableTarget(
      name: "Bootstrap",
      dependencies: [
        "Application", "Domain", "InMemoryStorage", "SQLiteStorage", "PostgresStorage", "SchemaMigrations",
        "StorageBackups", "Contract", "HTTPServer", "GRPCServer", "LanguageModels", "Egress", "Embeddings",
        "GitRepositories", "TextExtraction", "SystemSecurity", "Telemetry", "Settings", "ModelFetching", "Gateway",
        "IntelligenceClient",
        argumentParser,
        asyncHTTPClient, nioCore, logging, metrics, instrumentation, tracing, serviceContext, serviceLifecycle,
        unixSignals,
      ],
      path: "Sources/Bootstrap", exclude: ["Configuration", "Gateway", "Models"], swiftSettings: strict),

    // Measures the embedder alone, for Benchmarks/run.
    .executableTarget(
      name: "embedder-benchmark", dependencies: ["Application", "Domain", "Embeddings"], path: "Benchmarks/Embedder",
      exclude: ["tokens.py"],
      swiftSettings: strict),

    // Measures the vector scan of the offline profile alone.
    .executableTarget(
      name: "scan-benchmark", dependencies: ["CVectorMath", "Domain", "SQLiteStorage"], path: "Benchmarks/Scan",
      exclude: ["loop.c", "peer.py", "requirements.txt"], swiftSettings: strict),

    // Measure PostgreSQL's queue and search alone.
    .executableTarget(
      name: "queue-benchmark", dependencies: ["Application", "Domain", "PostgresStorage", "SchemaMigrations"],
      path: "Benchmarks/Queue", exclude: ["peer.py"], swiftSettings: strict),

    .executableTarget(
      name: "search-benchmark",
      dependencies: ["Application", "Domain", "PostgresStorage", "SchemaMigrations", "Embeddings"],
      path: "Benchmarks/Search", exclude: ["peer.py", "prepare.py"], swiftSettings: strict),

    .testTarget(name: "ArchitectureTests", swiftSettings: strict),
    .testTarget(name: "DomainTests", dependencies: ["Domain"], swiftSettings: strict),
    .testTarget(
      name: "ApplicationTests", dependencies: ["Application", "Domain", "InMemoryStorage"], swiftSettings: strict),
    .target(
      name: "PostgresTesting", dependencies: ["PostgresStorage", "CLibPQ"], path: "Tests/Support/PostgresTesting",
      swiftSettings: strict),
    .testTarget(
      name: "StorageTests",
      dependencies: [
        "Application", "Domain", "InMemoryStorage", "SQLiteStorage", "PostgresStorage", "PostgresTesting",
        "CVectorMath", "EmbeddedFiles", "SchemaMigrations", "StorageBackups", grdb,
      ],
      path: "Tests/AdapterTests/Storage", swiftSettings: strict),
    .testTarget(
      name: "PostgresTests",
      dependencies: [
        "Application", "Domain", "InMemoryStorage", "PostgresStorage", "PostgresTesting", "EmbeddedFiles",
        "SchemaMigrations", "StorageBackups",
      ],
      path: "Tests/AdapterTests/Postgres", swiftSettings: strict),
    .testTarget(
      name: "EmbeddingsTests", dependencies: ["Application", "Domain", "Embeddings", "CVectorMath"],
      path: "Tests/AdapterTests/Embeddings", swiftSettings: strict),
    .testTarget(
      name: "ExtractionTests", dependencies: ["Application", "Domain", "Confinement", "TextExtraction"],
      path: "Tests/AdapterTests/Extraction", swiftSettings: strict),
    .testTarget(
      name: "GitTests", dependencies: ["Application", "Domain", "Confinement", "GitRepositories"],
      path: "Tests/AdapterTests/Git", swiftSettings: strict),
    .testTarget(
      name: "OutboundTests",
      dependencies: [
        "Application", "Domain", "JSONValues", "LanguageModels", "Egress", "Embeddings", asyncHTTPClient, nioCore,
        nioPosix, nioHTTP1, logging, instrumentation, serviceContext,
      ],
      path: "Tests/AdapterTests/Outbound", swiftSettings: strict),
    .testTarget(
      name: "SecurityTests", dependencies: ["Application", "Domain", "SystemSecurity"],
      path: "Tests/AdapterTests/Security", swiftSettings: strict),
    .testTarget(
      name: "TelemetryTests",
      dependencies: ["Telemetry", logging, metrics, coreMetrics, instrumentation, tracing, serviceContext],
      path: "Tests/AdapterTests/Telemetry", swiftSettings: strict),
    .testTarget(
      name: "HTTPTests",
      dependencies: [
        "Application", "Domain", "InMemoryStorage", "Contract", "HTTPServer", "EmbeddedFiles", "JSONValues",
        asyncHTTPClient, nioCore, nioEmbedded, nioPosix, nioHTTP1, hummingbird, httpTypes, swiftProtobuf, logging,
        metrics, coreMetrics, instrumentation,
        serviceContext, serviceLifecycle,
      ],
      path: "Tests/AdapterTests/HTTP", swiftSettings: strict),
    .testTarget(
      name: "GRPCTests",
      dependencies: [
        "Application", "Domain", "InMemoryStorage", "Contract", "GRPCServer", grpcCore, grpcProtobuf, grpcTransport,
        swiftProtobuf, nioCore, nioPosix, logging, metrics, coreMetrics, instrumentation, serviceContext,
        serviceLifecycle,
      ],
      path: "Tests/AdapterTests/GRPC", swiftSettings: strict),
    .testTarget(
      name: "IntelligenceTests",
      dependencies: [
        "Application", "Domain", "InMemoryStorage", "Contract", "GRPCServer", "IntelligenceClient", grpcCore,
        swiftProtobuf, logging, serviceLifecycle,
      ],
      path: "Tests/AdapterTests/Intelligence", swiftSettings: strict),
    .testTarget(
      name: "BootstrapTests",
      dependencies: ["Domain", "Settings", "ModelFetching", "StorageBackups", crypto, nioCore, nioPosix, nioHTTP1],
      swiftSettings: strict),
  ]
)
