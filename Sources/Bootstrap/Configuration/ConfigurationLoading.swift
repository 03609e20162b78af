import FoundationEssentials

extension ServerConfiguration {
  /// Reads and checks the configuration.
  ///
  /// - Throws: the first thing that is wrong, naming the key, where the value comes from and what is accepted.
  package static func load(_ inputs: ConfigurationInputs) throws(ConfigurationFailure) -> ServerConfiguration {
    let file = try ConfigurationFile.locate(inputs)
    var reader = SettingsReader(inputs, file: file)
    return try ServerConfiguration(&reader, inputs, file: file)
  }

  private init(
    _ reader: inout SettingsReader,
    _ inputs: ConfigurationInputs,
    file: ConfigurationFile?
  ) throws(ConfigurationFailure) {
    let port = SettingForm<Int>.integer(0...65_535)
    profile = try reader.value("profile", .choice, default: .offline)
    role = try reader.value("role", .choice, default: .all)
    host = try reader.value("host", .text("an address of this machine, such as 127.0.0.1"), default: "127.0.0.1")
    self.port = try reader.value("port", port, default: 8080)
    // Who takes any free port for HTTP wants no second server in the way of another.
    grpcPort = try reader.value("grpcPort", port, default: self.port == 0 ? 0 : 9090)
    grpc = try GRPC(&reader, inputs)
    intelligence = try IntelligenceSide(&reader, inputs)
    let dataHome = inputs.baseDirectory(variable: "XDG_DATA_HOME", fallback: ".local/share")
    dataDirectory = try reader.value(
      "data",
      .path("the path of a folder", inputs),
      default: inputs.joined(dataHome, "opentier")
    )
    databaseURL = try reader.optional("databaseURL", databaseAddress)
    database = try Database(&reader, inputs)
    models = try ModelTargets(&reader)
    egress = try Egress(&reader, inputs)
    telemetry = try Telemetry(&reader)
    corsOrigins = try reader.value("cors.origins", .list(WebOrigin.accepted, where: WebOrigin.isOrigin), default: [])
    mcpHosts = try reader.value(
      "mcp.hosts", .list("a list of host names without ports", where: Egress.isHost),
      default: [])
    mcpTextBytes = try reader.value("mcp.textBytes", .bytes(1024...(8 << 20)), default: 64 << 10)
    logLevel = try reader.value("log.level", .choice, default: .info)
    logFormat = try reader.value("log.format", .choice, default: .auto)
    signUpOrganization = try reader.value("signup.organization", .choice, default: .default)
    shutdownGrace = try reader.value("shutdown.grace", .duration(.zero...(.seconds(600))), default: .seconds(10))
    limits = try Limits(&reader)
    quotas = try QuotaSettings(&reader, profile)
    budgets = try BudgetSettings(&reader)
    passwords = try Passwords(&reader)
    apiKeys = try APIKeys(&reader)
    callerLifetime = try reader.value(
      "authentication.memory", .duration(.zero...(.seconds(60))), default: .seconds(1))
    embedding = try Embedding(&reader, inputs)
    similarity = try Similarity(&reader)
    ingestion = try Ingestion(&reader)
    collections = try Collections(&reader)
    extraction = try Extraction(&reader)
    chunking = try Chunking(&reader)
    retrieval = try Retrieval(&reader)
    chat = try Chat(&reader)
    responseCache = try ResponseCacheSettings(&reader)
    eventRetention = try reader.value(
      "events.retention",
      .duration(.seconds(60)...(.seconds(10 * 365 * 86_400))),
      default: .seconds(7 * 86_400)
    )
    maximumLabelSets = try reader.value("metrics.maximumLabelSets", .integer(1...100_000), default: 1000)
    effectiveValues = reader.values
    let known = Set(reader.values.map(\.key))
    precondition(known.isSuperset(of: inputs.flags.keys), "each flag of the command line sets a known key")
    warnings = Self.unknownVariables(reader, inputs)
    try Self.refuseUnknownKeys(reader, file: file)
    try refuseImpossibleRoles()
    guard profile != .production || databaseURL != nil else {
      throw .missingValue(
        key: "databaseURL",
        because: "the production profile needs a database",
        accepted: "postgres://user:password@host/database"
      )
    }
  }

  /// A half that could not do its work.
  private func refuseImpossibleRoles() throws(ConfigurationFailure) {
    guard role != .all else { return }
    let because = "role is \(role.rawValue) (\(source(of: "role")))"
    if profile == .memory {
      throw .invalidValue(
        key: "profile", shown: "\"memory\"", source: source(of: "profile"),
        accepted: "offline or production, since \(because) and two processes share nothing in memory")
    }
    if role == .gateway, intelligence.addresses.isEmpty {
      throw .missingValue(
        key: "intelligence.addresses", because: because, accepted: "a list of \(IntelligenceSide.addressForm)")
    }
    let isLocal = ["127.0.0.1", "::1", "localhost"].contains(host)
    if role == .intelligence, !isLocal, intelligence.secret == nil, intelligence.tls == nil {
      throw .missingValue(
        key: "intelligence.secret",
        because: "\(because) and host is \(host), where others than a gateway can call",
        accepted: "\(IntelligenceSide.secretForm), such as openssl rand -hex 32 makes; or intelligence.tls")
    }
  }

  private func source(of key: String) -> ValueSource {
    effectiveValues.first { $0.key == key }?.source ?? .default
  }

  private static func refuseUnknownKeys(
    _ reader: SettingsReader,
    file: ConfigurationFile?
  ) throws(ConfigurationFailure) {
    guard let file else { return }
    let known = Set(reader.values.map(\.key))
    if let unknown = file.keys.first(where: { !known.contains($0) }) {
      throw .unknownKey(unknown, path: file.path, nearest: nearest(to: unknown, among: known))
    }
  }

  private static func unknownVariables(_ reader: SettingsReader, _ inputs: ConfigurationInputs) -> [String] {
    inputs.environment.keys.filter { $0.hasPrefix("OPENTIER_") && !reader.variables.contains($0) }.sorted().map {
      let similar = nearest(to: $0, among: reader.variables.filter { $0.hasPrefix("OPENTIER_") })
      return "The environment variable \($0) is not known." + (similar.map { " Did you mean \($0)?" } ?? "")
    }
  }
}

extension ServerConfiguration.GRPC {
  fileprivate init(_ reader: inout SettingsReader, _ inputs: ConfigurationInputs) throws(ConfigurationFailure) {
    tls = try TLS(&reader, inputs)
    let time = SettingForm<Duration>.duration(.seconds(1)...(.seconds(86_400)))
    keepaliveInterval = try reader.value("grpc.keepalive.interval", time, default: .seconds(60))
    keepaliveTimeout = try reader.value("grpc.keepalive.timeout", time, default: .seconds(20))
    maximumStreams = try reader.value("grpc.maximumStreams", .integer(1...1_000_000), default: 1000)
    maximumConnectionAge = try reader.optional("grpc.maximumConnectionAge", time)
  }
}

extension ServerConfiguration.GRPC.TLS {
  /// Reads the files' paths; `nil` where there are none.
  ///
  /// - Throws: `missingValue` where one is named and another that belongs to it is not.
  fileprivate init?(_ reader: inout SettingsReader, _ inputs: ConfigurationInputs) throws(ConfigurationFailure) {
    let file = SettingForm<String>.path("the path of a PEM file", inputs)
    let certificate = try reader.optional("grpc.tls.certificate", file)
    let key = try reader.optional("grpc.tls.key", file)
    clientCA = try reader.optional("grpc.tls.clientCA", file)
    let named = reader.values.suffix(3).first { $0.source != .default }
    guard let named else { return nil }
    func required(_ value: String?, _ missing: String) throws(ConfigurationFailure) -> String {
      guard let value else {
        throw .missingValue(
          key: missing, because: "\(named.key) is (\(named.source))", accepted: file.accepted)
      }
      return value
    }
    self.certificate = try required(certificate, "grpc.tls.certificate")
    self.key = try required(key, "grpc.tls.key")
  }
}

extension ServerConfiguration.IntelligenceSide {
  /// How an address is written.
  package static let addressForm = "host:port or dns:name:port, with ;weight=1 to 1000 where wanted"
  fileprivate static let secretForm = "at least 32 characters"

  fileprivate init(_ reader: inout SettingsReader, _ inputs: ConfigurationInputs) throws(ConfigurationFailure) {
    addresses = try reader.value(
      "intelligence.addresses", .list("a list of \(Self.addressForm)", where: { !$0.isEmpty }), default: [])
    policy = try reader.value("intelligence.policy", .choice, default: .roundRobin)
    secret = try reader.optional(
      "intelligence.secret",
      .secret(Self.secretForm) { secret in
        // What a header field carries as it is.
        secret.utf8.count >= 32 && secret.utf8.allSatisfy { (0x21...0x7E).contains($0) }
      })
    tls = try TLS(&reader, inputs)
    let time = SettingForm<Duration>.duration(.milliseconds(100)...(.seconds(60)))
    healthInterval = try reader.value("intelligence.healthInterval", time, default: .seconds(2))
    connectTimeout = try reader.value("intelligence.connectTimeout", time, default: .milliseconds(1_500))
  }
}

extension ServerConfiguration.IntelligenceSide.TLS {
  /// Reads the files' paths; `nil` where there are none.
  ///
  /// - Throws: `missingValue` where one is named and another that belongs to it is not.
  fileprivate init?(_ reader: inout SettingsReader, _ inputs: ConfigurationInputs) throws(ConfigurationFailure) {
    let file = SettingForm<String>.path("the path of a PEM file", inputs)
    let keys = ["intelligence.tls.ca", "intelligence.tls.certificate", "intelligence.tls.key"]
    var paths: [String?] = []
    for key in keys { paths.append(try reader.optional(key, file)) }
    guard let named = reader.values.suffix(keys.count).first(where: { $0.source != .default }) else { return nil }
    if let missing = zip(keys, paths).first(where: { $0.1 == nil }) {
      throw .missingValue(
        key: missing.0, because: "\(named.key) is (\(named.source))", accepted: file.accepted)
    }
    let all = paths.compactMap { $0 }
    (ca, certificate, key) = (all[0], all[1], all[2])
  }
}

extension ServerConfiguration.Database {
  fileprivate init(_ reader: inout SettingsReader, _ inputs: ConfigurationInputs) throws(ConfigurationFailure) {
    let short = SettingForm<Duration>.duration(.milliseconds(100)...(.seconds(300)))
    let long = SettingForm<Duration>.duration(.seconds(1)...(.seconds(86_400)))
    migrationURL = try reader.optional("database.migrationURL", databaseAddress)
    migrations = try reader.value("database.migrations", .choice, default: .start)
    let maximum = try reader.value("database.maximumConnections", .integer(2...1000), default: 10)
    maximumConnections = maximum
    minimumConnections = try reader.value("database.minimumConnections", .integer(0...maximum), default: 1)
    idleTimeout = try reader.value("database.idleTimeout", long, default: .seconds(300))
    maximumLifetime = try reader.value("database.maximumLifetime", long, default: .seconds(1800))
    checkoutTimeout = try reader.value("database.checkoutTimeout", short, default: .seconds(5))
    outageTolerance = try reader.value(
      "database.outageTolerance", .duration(.zero...(.seconds(300))), default: .seconds(2))
    healthCheckAfter = try reader.value("database.healthCheckAfter", short, default: .seconds(30))
    connectTimeout = try reader.value("database.connectTimeout", short, default: .seconds(5))
    statementTimeout = try reader.value("database.statementTimeout", short, default: .seconds(30))
    startTimeout = try reader.value("database.startTimeout", .duration(.zero...(.seconds(3600))), default: .seconds(30))
    tools = try reader.optional("database.tools", .path("the path of a folder", inputs))
  }
}

extension ServerConfiguration.Limits {
  fileprivate init(_ reader: inout SettingsReader) throws(ConfigurationFailure) {
    let size = SettingForm<Int>.bytes(1024...(1 << 30))
    requestBody = try reader.value("limits.requestBody", size, default: 128 << 10)
    chatBody = try reader.value("limits.chatBody", size, default: 512 << 10)
    completionBody = try reader.value("limits.completionBody", size, default: 16 << 20)
    mcpBody = try reader.value("limits.mcpBody", size, default: 4 << 20)
    submissionBody = try reader.value("limits.submissionBody", size, default: 32 << 20)
    uploadBody = try reader.value("limits.uploadBody", size, default: 100 << 20)
  }
}

extension ServerConfiguration.APIKeys {
  fileprivate init(_ reader: inout SettingsReader) throws(ConfigurationFailure) {
    let shortest = Duration.seconds(60)
    maximumPerUser = try reader.value("apiKeys.maximumPerUser", .integer(1...1000), default: 20)
    maximumLifetime = try reader.value(
      "apiKeys.maximumLifetime", .duration(shortest...(.seconds(10 * 365 * 86_400))), default: .seconds(366 * 86_400))
    defaultLifetime = try reader.value(
      "apiKeys.defaultLifetime", .duration(shortest...maximumLifetime),
      default: min(maximumLifetime, .seconds(90 * 86_400)))
  }
}

extension ServerConfiguration.Passwords {
  fileprivate init(_ reader: inout SettingsReader) throws(ConfigurationFailure) {
    cost = try reader.value("passwords.cost", .integer(4...15), default: 12)
    threads = try reader.value("passwords.threads", .integer(1...64), default: cores)
    queue = try reader.value("passwords.queue", .integer(0...10_000), default: 32)
  }
}

extension ServerConfiguration.Embedding {
  fileprivate init(_ reader: inout SettingsReader, _ inputs: ConfigurationInputs) throws(ConfigurationFailure) {
    threads = try reader.value("embedding.threads", .integer(1...64), default: cores)
    let cache = inputs.baseDirectory(variable: "XDG_CACHE_HOME", fallback: ".cache")
    modelDirectory = try reader.value(
      "embedding.modelDirectory",
      .path("the path of a folder", inputs),
      default: inputs.joined(cache, "opentier/models/all-MiniLM-L6-v2")
    )
    arithmetic = try reader.value("embedding.arithmetic", .choice, default: .auto)
    let endpoints = try Self.endpoints(&reader)
    self.endpoints = endpoints
    let names = [Self.builtIn] + endpoints.map(\.name)
    model = try reader.value(
      "embedding.model", .text("one of the embedding models: " + names.joined(separator: ", ")) { names.contains($0) },
      default: Self.builtIn)
  }
}

extension ServerConfiguration.Ingestion {
  fileprivate init(_ reader: inout SettingsReader) throws(ConfigurationFailure) {
    workers = try reader.value("ingestion.workers", .integer(1...64), default: 8)
    maximumBytes = try reader.value("ingestion.maximumBytes", .bytes((1 << 20)...(64 << 30)), default: 256 << 20)
    batchSize = try reader.value("ingestion.batchSize", .integer(1...2048), default: 16)
    stageLimit = try reader.value(
      "ingestion.stageLimit", .duration(.seconds(10)...(.seconds(86_400))), default: .seconds(1_800))
    maximumAttempts = try reader.value("ingestion.maximumAttempts", .integer(1...100), default: 5)
    lease = try reader.value("ingestion.lease", .duration(.seconds(1)...(.seconds(3600))), default: .seconds(20))
  }
}

extension ServerConfiguration.Collections {
  fileprivate init(_ reader: inout SettingsReader) throws(ConfigurationFailure) {
    pace = try reader.value("collections.pace", .duration(.zero...(.seconds(60))), default: .seconds(1))
    maximumPace = try reader.value(
      "collections.maximumPace", .duration(pace...(.seconds(600))), default: max(pace, .seconds(30)))
    fetchTimeout = try reader.value(
      "collections.fetchTimeout", .duration(.seconds(1)...(.seconds(600))), default: .seconds(30))
    maximumPageBytes = try reader.value("collections.maximumPageBytes", .bytes(1024...(1 << 30)), default: 20 << 20)
    maximumOpenJobs = try reader.value("collections.maximumOpenJobs", .integer(1...1000), default: 16)
    maximumItems = try reader.value("collections.maximumItems", .integer(1...1_000_000), default: 100_000)
    maximumBytes = try reader.value("collections.maximumBytes", .bytes((1 << 20)...(1 << 40)), default: 1 << 30)
    maximumDuration = try reader.value(
      "collections.maximumDuration", .duration(.seconds(1)...(.seconds(30 * 86_400))), default: .seconds(86_400))
  }
}

extension ServerConfiguration.Similarity {
  fileprivate init(_ reader: inout SettingsReader) throws(ConfigurationFailure) {
    threshold = try reader.value("similarity.threshold", .integer(1...100), default: 50)
    limit = try reader.value("similarity.limit", .integer(1...20), default: 5)
    pending = try reader.value("similarity.pending", .integer(0...10_000), default: 500)
    pendingTime = try reader.value(
      "similarity.pendingTime", .duration(.milliseconds(100)...(.seconds(60))), default: .seconds(2))
  }
}

extension ServerConfiguration.Chunking {
  fileprivate init(_ reader: inout SettingsReader) throws(ConfigurationFailure) {
    let maximum = try reader.value("chunking.maximumTokens", .integer(32...8192), default: 200)
    maximumTokens = maximum
    overlapTokens = try reader.value(
      "chunking.overlapTokens",
      .integer(0...((maximum - 1) / 2)),
      default: min(32, (maximum - 1) / 2)
    )
    maximumChunks = try reader.value("chunking.maximumChunks", .integer(1...1_000_000), default: 30_000)
  }
}

extension ServerConfiguration.Retrieval {
  fileprivate init(_ reader: inout SettingsReader) throws(ConfigurationFailure) {
    depth = try reader.value("retrieval.depth", .integer(1...1000), default: 100)
    fusion = try reader.value("retrieval.fusion", .choice, default: .convex)
    semanticWeight = try reader.value("retrieval.semanticWeight", .number(0...1), default: 0.8)
    fusionConstant = try reader.value("retrieval.fusionConstant", .integer(1...1000), default: 60)
    feedbackPassages = try reader.value("retrieval.feedbackPassages", .integer(0...20), default: 3)
    feedbackWeight = try reader.value("retrieval.feedbackWeight", .number(0...4), default: 0.4)
    parts = try reader.value("retrieval.parts", .integer(0...16), default: 6)
    partsWeight = try reader.value("retrieval.partsWeight", .number(0...1), default: 0.35)
    diversity = try reader.value("retrieval.diversity", .number(0...1), default: 1)
    reranker = try ServerConfiguration.Reranker(&reader)
    limit = try reader.value("retrieval.limit", .integer(1...100), default: 10)
    efSearch = try reader.value("retrieval.efSearch", .integer(10...1000), default: 100)
  }
}

extension ServerConfiguration.Reranker {
  /// `nil` where no address is set.
  fileprivate init?(_ reader: inout SettingsReader) throws(ConfigurationFailure) {
    let key = "retrieval.reranker"
    let address = try reader.optional("\(key).baseURL", ModelTarget.address)
    let name = try reader.optional("\(key).model", .text("the model's name"))
    apiKey = try reader.optional("\(key).apiKey", .secret("a key, best as \"${env:NAME}\""))
    timeout = try reader.value(
      "\(key).timeout", .duration(.milliseconds(10)...(.seconds(60))), default: .seconds(2))
    depth = try reader.value("\(key).depth", .integer(1...100), default: 50)
    switch (address, name) {
    case (let address?, let name?):
      baseURL = ModelTarget.withoutSlash(address)
      model = name
    case (nil, nil): return nil
    case (nil, _?):
      throw .missingValue(
        key: "\(key).baseURL", because: "\(key).model is", accepted: ModelTarget.address.accepted)
    case (_?, nil):
      throw .missingValue(key: "\(key).model", because: "\(key).baseURL is", accepted: "the model's name")
    }
  }
}

/// How the address of a PostgreSQL database is written.
private var databaseAddress: SettingForm<Secret> {
  .secret("postgres://user:password@host/database") { $0.hasPrefix("postgres://") || $0.hasPrefix("postgresql://") }
}

/// The processor cores that the system gives this process, at least 1 and at most what a number of threads may be.
private let cores = min(64, max(1, ProcessInfo.processInfo.activeProcessorCount))
