extension ServerConfiguration {
  /// What this server may call.
  package struct Egress: Sendable {
    /// `egress.allow`: the `host` or `host:port` that users may have called.
    package let allowed: [String]
    /// `egress.private`: those of them whose names may lead to this machine or its network.
    package let privateHosts: [String]
    /// `egress.ca`: PEM; certificate authorities that are trusted besides the system's, by all that this server calls.
    package let authorities: String?
  }
}

extension ServerConfiguration.Egress {
  init(_ reader: inout SettingsReader, _ inputs: ConfigurationInputs) throws(ConfigurationFailure) {
    let hosts = SettingForm<[String]>.list("a list of host or host:port", where: Self.isHostAndPort)
    allowed = try reader.value("egress.allow", hosts, default: [])
    privateHosts = try reader.value("egress.private", hosts, default: [])
    authorities = try reader.optional("egress.ca", .path("the path of a PEM file", inputs))
  }

  /// A host name or address, `[…]` around an IPv6 one, without a port.
  static func isHost(_ text: String) -> Bool {
    isHostAndPort(text) && (text.hasPrefix("[") ? text.hasSuffix("]") : !text.contains(":"))
  }

  /// A host name or address, `[…]` around an IPv6 one, with a port or without.
  private static func isHostAndPort(_ text: String) -> Bool {
    let isBracketed = text.hasPrefix("[")
    let end = isBracketed ? text.firstIndex(of: "]").map { text.index(after: $0) } : text.firstIndex(of: ":")
    let host = text[..<(end ?? text.endIndex)]
    let port = text[(end ?? text.endIndex)...]
    let allowed = isBracketed ? "[]:.%" : ".-_"
    return !host.isEmpty && (end != nil || !isBracketed)
      && host.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) || allowed.contains($0) }
      && (port.isEmpty || port.first == ":" && Int(port.dropFirst()).map { (1...65_535).contains($0) } == true)
  }
}
