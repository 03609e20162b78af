/// An address of the Internet Protocol, and what kind of place it leads to.
package struct NetworkAddress: Hashable, Sendable, CustomStringConvertible {
  /// What kind of place an address leads to.
  ///
  /// Source: IANA's registries of special-purpose IPv4 and IPv6 addresses (RFC 6890), and the addresses at which clouds
  /// hand a machine's credentials to whoever asks from it.
  package enum Reach: String, Hashable, Sendable {
    /// Anywhere in the Internet.
    case global
    /// This machine: 127.0.0.0/8, ::1.
    case loopback
    /// The network that this machine stands in: RFC 1918, 100.64.0.0/10, fc00::/7, fec0::/10.
    case privateUse
    /// The machines on the same cable: 169.254.0.0/16, fe80::/10.
    case linkLocal
    /// A cloud's metadata service, in whichever range it lies.
    case metadata
    /// Nobody in particular: unspecified, multicast, broadcast, documentation, reserved.
    case special
  }

  /// 4 or 16 bytes, in network order.
  package let bytes: [UInt8]

  /// Takes 4 or 16 bytes in network order; `nil` for another number.
  package init?(bytes: some Sequence<UInt8>) {
    self.bytes = Array(bytes)
    guard self.bytes.count == 4 || self.bytes.count == 16 else { return nil }
  }

  /// Reads four decimal numbers, or an IPv6 address without brackets and zone; `nil` for anything else.
  package init?(_ text: some StringProtocol) {
    if let canonical = IPv6Text.canonical(text) {
      let groups = canonical.split(separator: ":").compactMap { UInt16($0, radix: 16) }
      self.init(bytes: groups.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] })
      return
    }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    let isDecimal = parts.allSatisfy { part in
      (1...3).contains(part.utf8.count) && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
    guard parts.count == 4, isDecimal else { return nil }
    self.init(bytes: parts.compactMap { UInt8($0) })
  }

  /// As ``HostAndPort/host`` has it.
  package var description: String {
    if bytes.count == 4 { return bytes.map(String.init).joined(separator: ".") }
    return stride(from: 0, to: 16, by: 2).map { place in
      String(UInt16(bytes[place]) << 8 | UInt16(bytes[place + 1]), radix: 16)
    }.joined(separator: ":")
  }

  /// What kind of place it leads to. An IPv6 address that stands for an IPv4 one (mapped, NAT64, 6to4) leads where that
  /// one does.
  package var reach: Reach {
    if Self.metadata.contains(self) { return .metadata }
    return bytes.count == 4 ? Self.reach4(bytes) : reach6
  }

  /// AWS, Azure, Google Cloud, Oracle and most others; AWS's containers; Alibaba; Azure's own agent; AWS and Google by
  /// IPv6.
  private static let metadata = Set(
    [
      "169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "168.63.129.16", "192.0.0.192",
      "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254",
    ].compactMap { NetworkAddress($0) })

  private static func reach4(_ bytes: [UInt8]) -> Reach {
    switch (bytes[0], bytes[1], bytes[2]) {
    case (127, _, _): .loopback
    case (10, _, _), (172, 16...31, _), (192, 168, _), (100, 64...127, _): .privateUse
    case (169, 254, _): .linkLocal
    case (0, _, _), (192, 0, 0), (192, 0, 2), (192, 88, 99), (198, 18...19, _), (198, 51, 100), (203, 0, 113): .special
    case (224..., _, _): .special
    default: .global
    }
  }

  private var reach6: Reach {
    if let inner = embedded { return inner.reach }
    if bytes.dropLast().allSatisfy({ $0 == 0 }) { return bytes[15] == 1 ? .loopback : .special }
    switch (bytes[0], bytes[1]) {
    case (0xFC...0xFD, _), (0xFE, 0xC0...): return .privateUse
    case (0xFE, 0x80...0xBF): return .linkLocal
    // 2001::/23 is kept for protocols, Teredo among them; 2001:db8::/32 and 3fff::/20 are for documentation.
    case (0x20, 0x01) where bytes[2] < 0x02 || (bytes[2] == 0x0D && bytes[3] == 0xB8): return .special
    case (0x3F, 0xFF) where bytes[2] < 0x10: return .special
    case (0x20...0x3F, _): return .global
    default: return .special
    }
  }

  /// The IPv4 address that it stands for.
  private var embedded: NetworkAddress? {
    let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
    let isTranslated = bytes[..<12].elementsEqual([0x00, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0])
    if isMapped || isTranslated { return NetworkAddress(bytes: bytes[12...]) }
    return bytes[0] == 0x20 && bytes[1] == 0x02 ? NetworkAddress(bytes: bytes[2..<6]) : nil
  }
}

/// A connection that this server does not make, or does not use, because of the address at its other end.
package struct RefusedAddress: Error, Hashable, Sendable {
  /// The address; `nil` where a connection does not tell.
  package let address: NetworkAddress?

  /// Makes one.
  package init(_ address: NetworkAddress?) { self.address = address }
}
