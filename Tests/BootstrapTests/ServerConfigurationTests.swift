import Foundation
import Testing

@testable import Settings

@Suite("Configuration comes from flags, then the environment, then opentier.yaml, then defaults")
struct ServerConfigurationTests {
  /// A folder of its own with a configuration file, removed at the end.
  private func load(
    yaml: String? = nil,
    flags: [String: String] = [:],
    environment: [String: String] = [:],
    named: String? = nil
  ) throws -> ServerConfiguration {
    let folder = FileManager.default.temporaryDirectory.appending(path: "configuration-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    if let yaml { try Data(yaml.utf8).write(to: folder.appending(path: "opentier.yaml")) }
    return try ServerConfiguration.load(
      ConfigurationInputs(
        flags: flags,
        configurationFile: named,
        environment: environment.merging(["HOME": "/home/ada"]) { given, _ in given },
        workingDirectory: folder.path
      )
    )
  }

  private func source(_ key: String, in configuration: ServerConfiguration) -> String {
    let source = configuration.effectiveValues.first { $0.key == key }?.source.description ?? "no such key"
    return source.replacing(/\/.*\/configuration-[^\/]+\//, with: "…/")
  }

  private func shown(_ key: String, in configuration: ServerConfiguration) -> String? {
    configuration.effectiveValues.first { $0.key == key }?.shown
  }

  @Test("with nothing said the defaults of the offline profile hold")
  func defaults() throws {
    let configuration = try load()
    #expect(configuration.profile == .offline)
    #expect(configuration.role == .all)
    #expect(configuration.host == "127.0.0.1")
    #expect(configuration.port == 8080)
    #expect(configuration.grpcPort == 9090)
    #expect(configuration.dataDirectory == "/home/ada/.local/share/opentier")
    #expect(configuration.embedding.modelDirectory == "/home/ada/.cache/opentier/models/all-MiniLM-L6-v2")
    #expect(configuration.databaseURL == nil)
    #expect(configuration.database.migrations == .start)
    #expect(configuration.database.maximumConnections == 10)
    #expect(configuration.database.checkoutTimeout == .seconds(5))
    #expect(configuration.ingestion.lease == .seconds(20))
    #expect(configuration.eventRetention == .seconds(7 * 86_400))
    #expect(configuration.models.defaultName == "extractive")
    #expect(configuration.models.targets.isEmpty)
    #expect(configuration.egress.allowed.isEmpty)
    #expect(configuration.corsOrigins.isEmpty)
    #expect(configuration.shutdownGrace == .seconds(10))
    #expect(configuration.passwords.cost == 12)
    #expect(configuration.embedding.threads >= 1)
    #expect(configuration.effectiveValues.allSatisfy { $0.source == .default })
    #expect(configuration.warnings.isEmpty)
  }

  @Test("a flag wins over the environment, that over the file, that over the default, and each is named")
  func precedence() throws {
    let yaml = "port: 1\nhost: file\nprofile: memory\n"
    let configuration = try load(
      yaml: yaml,
      flags: ["port": "3"],
      environment: ["OPENTIER_PORT": "2", "OPENTIER_HOST": "environment"]
    )
    #expect(configuration.port == 3)
    #expect(configuration.host == "environment")
    #expect(configuration.profile == .memory)
    #expect(source("port", in: configuration) == "flag --port")
    #expect(source("host", in: configuration) == "environment variable OPENTIER_HOST")
    #expect(source("profile", in: configuration) == "…/opentier.yaml, key profile")
    #expect(source("role", in: configuration) == "default")
    #expect(configuration.warnings.isEmpty)
  }

  @Test("every key has its variable and its flag", arguments: try allKeys())
  func names(key: String) throws {
    let values = ["grpcPort": "--grpc-port OPENTIER_GRPC_PORT", "databaseURL": "--database-url OPENTIER_DATABASE_URL"]
    var reader = SettingsReader(ConfigurationInputs(environment: [:], workingDirectory: "/"), file: nil)
    _ = try reader.optional(key, SettingForm<String>.text("anything"))
    let variable = try #require(reader.variables.subtracting(["OPENTIER_CONFIG"]).first)
    #expect(variable.wholeMatch(of: /OPENTIER_[A-Z]+(_[A-Z]+)*/) != nil)
    let flag = SettingsReader.flag(for: key)
    #expect(flag.wholeMatch(of: /--[a-z]+(-[a-z]+)*/) != nil)
    if let expected = values[key] { #expect(expected == flag + " " + variable) }
  }

  static func allKeys() throws -> [String] {
    try ServerConfiguration.load(ConfigurationInputs(environment: [:], workingDirectory: "/nowhere"))
      .effectiveValues.map(\.key)
  }

  @Test("the whole file of the documentation is read, models by their names")
  func wholeFile() throws {
    let configuration = try load(
      yaml: """
        profile: production
        role: gateway
        host: 0.0.0.0
        port: 0
        grpcPort: 9191
        intelligence: { addresses: ["10.0.0.1:9191;weight=2", "dns:brains:9191"], policy: weighted, secret: "${env:HALVES}" }
        data: ~/opentier-data
        databaseURL: "postgres://u:p@localhost/db"
        database: { migrationURL: "postgresql://o:q@localhost/db", migrations: manual, maximumConnections: 20, tools: /opt/pg/bin }
        events: { retention: 24h }
        models:
          default: local
          local: { provider: openai, baseURL: "http://127.0.0.1:11434/v1/", model: "llama3.2", apiKey: "${env:OLLAMA_KEY}" }
          gpt-4.1:
            provider: openai
            baseURL: https://api.openai.com/v1
            model: gpt-4.1
            timeout: 500ms
        egress:
          allow: ["127.0.0.1:11434", "api.openai.com", "[::1]:8000"]
        cors: { origins: ["https://app.example.org", "http://localhost:3000"] }
        log: { level: debug, format: json }
        signup: { organization: personal }
        shutdown: { grace: 1m }
        limits: { requestBody: 64KiB, uploadBody: 10 MB }
        embedding: { threads: 1, modelDirectory: models }
        ingestion: { workers: 3, maximumAttempts: 2, lease: 5 }
        chunking: { maximumTokens: 100, overlapTokens: 49 }
        """,
      environment: ["OLLAMA_KEY": "sk-very-secret", "HALVES": String(repeating: "s", count: 32)]
    )
    #expect(configuration.profile == .production)
    #expect(configuration.intelligence.addresses == ["10.0.0.1:9191;weight=2", "dns:brains:9191"])
    #expect(configuration.intelligence.policy == .weighted)
    #expect(configuration.intelligence.secret?.reveal().count == 32)
    #expect(configuration.dataDirectory == "/home/ada/opentier-data")
    #expect(configuration.databaseURL?.reveal() == "postgres://u:p@localhost/db")
    #expect(configuration.database.migrationURL?.reveal() == "postgresql://o:q@localhost/db")
    #expect(configuration.database.migrations == .manual)
    #expect(configuration.database.maximumConnections == 20)
    #expect(configuration.database.minimumConnections == 1)
    #expect(configuration.database.tools == "/opt/pg/bin")
    #expect(configuration.eventRetention == .seconds(86_400))
    #expect(shown("database.migrationURL", in: configuration) == "<hidden>")
    #expect(configuration.models.defaultName == "local")
    #expect(configuration.models.targets.map(\.name) == ["gpt-4.1", "local"])
    let local = try #require(configuration.models.targets.last)
    #expect(local.baseURL == "http://127.0.0.1:11434/v1")
    #expect(local.model == "llama3.2")
    #expect(local.apiKey?.reveal() == "sk-very-secret")
    #expect(local.timeout == .seconds(60))
    #expect(configuration.models.targets.first?.apiKey == nil)
    #expect(configuration.models.targets.first?.timeout == .milliseconds(500))
    #expect(configuration.egress.allowed == ["127.0.0.1:11434", "api.openai.com", "[::1]:8000"])
    #expect(configuration.corsOrigins == ["https://app.example.org", "http://localhost:3000"])
    #expect(configuration.logLevel == .debug)
    #expect(configuration.logFormat == .json)
    #expect(configuration.signUpOrganization == .personal)
    #expect(configuration.shutdownGrace == .seconds(60))
    #expect(configuration.limits.requestBody == 65_536)
    #expect(configuration.limits.uploadBody == 10_000_000)
    #expect(configuration.embedding.modelDirectory.hasSuffix("/models"))
    #expect(configuration.ingestion.lease == .seconds(5))
    #expect(configuration.chunking.overlapTokens == 49)
    #expect(shown("limits.requestBody", in: configuration) == "64 KiB")
    #expect(shown("shutdown.grace", in: configuration) == "1m")
    #expect(shown("models.gpt-4.1.timeout", in: configuration) == "500ms")
  }

  @Test("secrets are hidden wherever they could be printed")
  func secrets() throws {
    let configuration = try load(
      yaml: """
        databaseURL: postgres://u:hunter2@localhost/db
        models: { local: { provider: openai, baseURL: "http://h/v1", model: m, apiKey: hunter2 } }
        """
    )
    var dumped = ""
    dump(configuration, to: &dumped)
    for text in [
      configuration.table(), try configuration.json(), dumped, "\(configuration)", String(reflecting: configuration),
    ] {
      #expect(text.contains("hunter2") == false)
    }
    #expect(shown("databaseURL", in: configuration) == "<hidden>")
    #expect(shown("models.local.apiKey", in: configuration) == "<hidden>")
    #expect(throws: ConfigurationFailure.self) { try load(yaml: "databaseURL: mysql://hunter2") }
    do { _ = try load(yaml: "databaseURL: mysql://hunter2") } catch { #expect("\(error)".contains("hunter2") == false) }
  }

  @Test(
    "a value out of range or of the wrong form is refused with its key, its source and what is accepted",
    arguments: [
      (
        "port: 65536", "port cannot be \"65536\" (…/opentier.yaml, key port). Accepted: a whole number from 0 to 65535."
      ),
      ("port: -1", "port cannot be \"-1\" (…/opentier.yaml, key port). Accepted: a whole number from 0 to 65535."),
      (
        "port: eighty",
        "port cannot be \"eighty\" (…/opentier.yaml, key port). Accepted: a whole number from 0 to 65535."
      ),
      ("port:", "port cannot be \"\" (…/opentier.yaml, key port). Accepted: a whole number from 0 to 65535."),
      ("port: [1]", "port cannot be a list (…/opentier.yaml, key port). Accepted: a whole number from 0 to 65535."),
      (
        "profile: cloud",
        "profile cannot be \"cloud\" (…/opentier.yaml, key profile). Accepted: offline, production, memory."
      ),
      (
        "egress: { allow: a }",
        "egress.allow cannot be a single value (…/opentier.yaml, key egress.allow). Accepted: a list of host or host:port."
      ),
      (
        "egress: { allow: [\"http://a\"] }",
        "egress.allow cannot be \"http://a\" (…/opentier.yaml, key egress.allow). Accepted: a list of host or host:port."
      ),
      (
        "cors: { origins: [\"https://app.example.org/\"] }",
        "cors.origins cannot be \"https://app.example.org/\" (…/opentier.yaml, key cors.origins). Accepted: a list of origins as browsers write them: scheme://host or scheme://host:port in lower case, without a path and without the scheme's own port; or * for all."
      ),
      (
        "shutdown: { grace: 11m }",
        "shutdown.grace cannot be \"11m\" (…/opentier.yaml, key shutdown.grace). Accepted: a time from 0s to 10m, in seconds or with a unit: ms, s, m, h."
      ),
      (
        "chunking: { maximumTokens: 100, overlapTokens: 50 }",
        "chunking.overlapTokens cannot be \"50\" (…/opentier.yaml, key chunking.overlapTokens). Accepted: a whole number from 0 to 49."
      ),
      ("prot: 1", "Unknown key prot in …/opentier.yaml. Did you mean port?"),
      ("log: info", "Unknown key log in …/opentier.yaml. Did you mean log.format?"),
      ("level: info", "Unknown key level in …/opentier.yaml. Did you mean log.level?"),
      ("log: { levle: info }", "Unknown key log.levle in …/opentier.yaml. Did you mean log.level?"),
      ("port: { a: 1 }", "Unknown key port.a in …/opentier.yaml. Did you mean port?"),
      ("zebra: 1", "Unknown key zebra in …/opentier.yaml."),
      (
        "models: { m: { provider: openai, baseUrl: x, model: m } }",
        "Unknown key models.m.baseUrl in …/opentier.yaml. Did you mean models.m.baseURL?"
      ),
      (
        "models: { m: { provider: openai, model: m } }",
        "models.m.baseURL is not set, but every model needs it. Accepted: an address that begins with http:// or https://."
      ),
      (
        "models: { m: { provider: openai, baseURL: \"ftp://h\", model: m } }",
        "models.m.baseURL cannot be \"ftp://h\" (…/opentier.yaml, key models.m.baseURL). Accepted: an address that begins with http:// or https://."
      ),
      (
        "models: { default: other }",
        "models.default cannot be \"other\" (…/opentier.yaml, key models.default). Accepted: one of the models: extractive."
      ),
      (
        "models: { extractive: { provider: openai, baseURL: \"http://h\", model: m } }",
        "models.extractive cannot be a model's name (…/opentier.yaml, key models.extractive). Accepted: 1 to 64 letters, digits and . _ - : / as a name, but not default or extractive."
      ),
      (
        "models: { m: { provider: openai, baseURL: \"http://h\", model: m, apiKey: \"${env:MISSING}\" } }",
        "models.m.apiKey refers to the environment variable MISSING, which is not set (…/opentier.yaml, key models.m.apiKey). Set it or remove the key."
      ),
      (
        "profile: production",
        "databaseURL is not set, but the production profile needs a database. Accepted: postgres://user:password@host/database."
      ),
    ]
  )
  func refused(yaml: String, expected: String) throws {
    let error = try #require(throws: ConfigurationFailure.self) { try load(yaml: yaml) }
    #expect(error.description.replacing(/\/[^ ]*\/configuration-[^\/]+\//, with: "…/") == expected)
  }

  @Test("bad values of flags and variables name the flag and the variable")
  func refusedElsewhere() throws {
    let flag = try #require(throws: ConfigurationFailure.self) { try load(flags: ["grpcPort": "x"]) }
    #expect(flag.description.contains("(flag --grpc-port)"))
    let variable = try #require(throws: ConfigurationFailure.self) {
      try load(environment: ["OPENTIER_LOG_LEVEL": "loud"])
    }
    #expect(variable.description.contains("(environment variable OPENTIER_LOG_LEVEL)"))
  }

  @Test("a file that is not YAML, no mapping, not UTF-8 or not there is refused by its path")
  func brokenFiles() throws {
    for yaml in ["a: [", "- a\n- b", "just text", "port: 1\nport: 2"] {
      let error = try #require(throws: ConfigurationFailure.self) { try load(yaml: yaml) }
      guard case .malformedFile = error else {
        Issue.record("\(error)")
        continue
      }
      #expect(error.description.contains("opentier.yaml"))
    }
    #expect(throws: ConfigurationFailure.malformedFile(path: "/x", reason: "it is not UTF-8.")) {
      try ConfigurationFile(path: "/x", bytes: [0x61, 0x3A, 0x20, 0xFF])
    }
    #expect(throws: ConfigurationFailure.unreadableFile(path: "/no/such.yaml", reason: "there is no such file")) {
      try load(named: "/no/such.yaml")
    }
    #expect(throws: ConfigurationFailure.unreadableFile(path: "/no/such.yaml", reason: "there is no such file")) {
      try load(environment: ["OPENTIER_CONFIG": "/no/such.yaml"])
    }
  }

  @Test("a file of comments alone says nothing", arguments: ["", "\n", "# port: 1\n  # more\n", "---\n# x\n"])
  func emptyFile(yaml: String) throws {
    #expect(try load(yaml: yaml).port == 8080)
  }

  @Test("the flag for the file wins over the variable, and relative paths start at the working directory")
  func fileLocation() throws {
    #expect(
      try load(yaml: "port: 7", environment: ["OPENTIER_CONFIG": "/no/such.yaml"], named: "opentier.yaml").port == 7
    )
    #expect(try load(yaml: "port: 7", environment: ["OPENTIER_CONFIG": "./opentier.yaml"]).port == 7)
  }

  @Test("a variable that is empty counts as not set, and an unknown one is warned of unless the file refers to it")
  func variables() throws {
    let configuration = try load(
      yaml: "models: { m: { provider: openai, baseURL: \"http://h\", model: m, apiKey: \"${env:OPENTIER_M_KEY}\" } }",
      environment: ["OPENTIER_HOST": "", "OPENTIER_PROT": "1", "OPENTIER_M_KEY": "k", "OTHER": "x"]
    )
    #expect(configuration.host == "127.0.0.1")
    #expect(
      configuration.warnings == ["The environment variable OPENTIER_PROT is not known. Did you mean OPENTIER_PORT?"]
    )
  }

  @Test("a route leads to models in order or by weights, and neither in a circle nor nowhere")
  func routes() throws {
    let ends = "m: { provider: anthropic, model: c, apiKeyFile: /k }, g: { provider: gemini, model: g }"
    let models = try load(yaml: "models: { default: r, r: { targets: [m, extractive] }, \(ends) }").models
    #expect(models.routes.map(\.targets) == [["m", "extractive"]] && models.defaultName == "r")
    #expect(models.targets.map(\.name) == ["g", "m"] && models.targets.last?.key == .file("/k"))
    #expect(models.targets.last?.baseURL == "https://api.anthropic.com/v1")
    #expect(models.targets.last?.concurrency == 50 && models.targets.last?.queue == 1_000)
    let weighted = "r: { targets: [m, g], strategy: weighted, weights: ["
    #expect(try load(yaml: "models: { \(weighted)\"3\", \"1\"] }, \(ends) }").models.routes.first?.weights == [3, 1])
    for wrong in [
      "r: { targets: [r] }", "r: { targets: [m, m] }", "r: { targets: [nobody] }", weighted + "\"1\"] }",
      weighted + "\"0\", \"0\"] }", "r: { targets: [m], model: c }",
      "r: { provider: anthropic, model: c, apiKey: k, apiKeyFile: /k }",
    ] {
      #expect(throws: ConfigurationFailure.self) { try load(yaml: "models: { \(wrong), \(ends) }") }
    }
  }

  @Test("the environment overrides a value of a model that the file names")
  func modelOverride() throws {
    let yaml = "models: { gpt-4.1: { provider: openai, baseURL: \"http://h\", model: m } }"
    let configuration = try load(yaml: yaml, environment: ["OPENTIER_MODELS_GPT_4_1_API_KEY": "k"])
    #expect(configuration.models.targets.first?.apiKey?.reveal() == "k")
    #expect(
      source("models.gpt-4.1.apiKey", in: configuration) == "environment variable OPENTIER_MODELS_GPT_4_1_API_KEY"
    )
    #expect(configuration.warnings.isEmpty)
  }

  @Test("folders follow the XDG variables when these are absolute")
  func baseDirectories() throws {
    let configuration = try load(environment: ["XDG_DATA_HOME": "/data", "XDG_CACHE_HOME": "relative"])
    #expect(configuration.dataDirectory == "/data/opentier")
    #expect(configuration.embedding.modelDirectory == "/home/ada/.cache/opentier/models/all-MiniLM-L6-v2")
  }

  @Test("the table has a row for each key, and the JSON the same with the parts of the source")
  func shown() throws {
    let configuration = try load(flags: ["port": "3"])
    let lines = configuration.table().split(separator: "\n")
    #expect(lines.count == configuration.effectiveValues.count + 1)
    #expect(lines.contains { $0.wholeMatch(of: /port +3 +flag --port/) != nil })
    let rows = try #require(
      try JSONSerialization.jsonObject(with: Data(configuration.json().utf8)) as? [[String: Any]]
    )
    let port = try #require(rows.first { $0["key"] as? String == "port" })
    #expect(port["value"] as? String == "3")
    #expect(port["source"] as? [String: String] == ["kind": "flag", "name": "--port"])
    #expect(rows.count == configuration.effectiveValues.count)
  }

  @Test(
    "edit distance counts insertions, deletions, substitutions and swaps",
    arguments: [("", "abc", 3), ("abc", "abc", 0), ("ABC", "abc", 0), ("prot", "port", 1), ("kitten", "sitting", 3)]
  )
  func distance(left: String, right: String, expected: Int) {
    #expect(editDistance(left, right) == expected)
    #expect(editDistance(right, left) == expected)
  }
}
