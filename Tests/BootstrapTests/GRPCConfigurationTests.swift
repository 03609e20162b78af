import Testing

@testable import Settings

@Suite("gRPC's settings")
struct GRPCConfigurationTests {
  private func load(_ environment: [String: String], flags: [String: String] = [:]) throws -> ServerConfiguration {
    try ServerConfiguration.load(
      ConfigurationInputs(flags: flags, environment: environment, workingDirectory: "/nowhere"))
  }

  @Test("gRPC takes a free port when HTTP does, unless a port is named")
  func ports() throws {
    #expect(try load([:]).grpcPort == 9090)
    #expect(try load([:], flags: ["port": "8081"]).grpcPort == 9090)
    #expect(try load([:], flags: ["port": "0"]).grpcPort == 0)
    #expect(try load(["OPENTIER_PORT": "0", "OPENTIER_GRPC_PORT": "9191"]).grpcPort == 9191)
  }

  @Test("nothing is secured unless a certificate is named; paths are relative to the working folder")
  func files() throws {
    #expect(try load([:]).grpc.tls == nil)
    let tls = try #require(
      try load(["OPENTIER_GRPC_TLS_CERTIFICATE": "tls.pem", "OPENTIER_GRPC_TLS_KEY": "/etc/tls.key"]).grpc.tls)
    #expect(tls.certificate == "/nowhere/tls.pem")
    #expect(tls.key == "/etc/tls.key")
    #expect(tls.clientCA == nil)
  }

  @Test(
    "a file that is named without what belongs to it is refused",
    arguments: [
      (["KEY"], "grpc.tls.certificate is not set, but grpc.tls.key is"),
      (["CERTIFICATE"], "grpc.tls.key is not set, but grpc.tls.certificate is"),
      (["CLIENT_CA"], "grpc.tls.certificate is not set, but grpc.tls.clientCA is"),
      (["CERTIFICATE", "CLIENT_CA"], "grpc.tls.key is not set, but grpc.tls.certificate is"),
    ])
  func incomplete(names: [String], words: String) throws {
    let variables = names.map { ("OPENTIER_GRPC_TLS_" + $0, "file.pem") }
    let failure = #expect(throws: ConfigurationFailure.self) {
      try load(Dictionary(uniqueKeysWithValues: variables))
    }
    let source = "(environment variable OPENTIER_GRPC_TLS_\(names[0]))"
    #expect(failure?.description == "\(words) \(source). Accepted: the path of a PEM file.")
  }

  @Test("times and numbers are read")
  func numbers() throws {
    let grpc = try load([
      "OPENTIER_GRPC_KEEPALIVE_INTERVAL": "5m", "OPENTIER_GRPC_KEEPALIVE_TIMEOUT": "3",
      "OPENTIER_GRPC_MAXIMUM_STREAMS": "7", "OPENTIER_GRPC_MAXIMUM_CONNECTION_AGE": "1h",
    ]).grpc
    #expect(grpc.keepaliveInterval == .seconds(300))
    #expect(grpc.keepaliveTimeout == .seconds(3))
    #expect(grpc.maximumStreams == 7)
    #expect(grpc.maximumConnectionAge == .seconds(3600))
    #expect(try load([:]).grpc.maximumConnectionAge == nil)
  }
}
