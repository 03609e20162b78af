package import Domain
import Glibc
package import NIOPosix

/// Finds the addresses behind a name.
package struct AddressLookup: Sendable {
  /// Why a name has no address.
  package struct Failure: Error, Hashable, Sendable {
    /// The resolver's words.
    package let reason: String
  }

  private let find: @Sendable (String) async throws -> [NetworkAddress]

  /// Makes a lookup of a function.
  package init(_ find: @escaping @Sendable (String) async throws -> [NetworkAddress]) { self.find = find }

  /// As the system resolves names (`getaddrinfo`), on threads that may wait.
  package static func system(_ threads: NIOThreadPool = .singleton) -> AddressLookup {
    AddressLookup { host in
      // Not `runIfActive`: a resolver that waits for an answer cannot be stopped, only left alone.
      let (answers, answer) = AsyncThrowingStream<[NetworkAddress], any Error>.makeStream()
      threads.submit { state in
        guard case .active = state else { return answer.finish(throwing: CancellationError()) }
        do {
          answer.yield(try resolve(host))
          answer.finish()
        } catch {
          answer.finish(throwing: error)
        }
      }
      for try await addresses in answers { return addresses }
      throw CancellationError()
    }
  }

  /// The addresses of a host, in the system's order, at least one.
  package func callAsFunction(_ host: String) async throws -> [NetworkAddress] {
    if let literal = NetworkAddress(host) { return [literal] }
    let addresses = try await find(host)
    guard !addresses.isEmpty else { throw Failure(reason: "it has no address") }
    return addresses
  }

  private static func resolve(_ host: String) throws -> [NetworkAddress] {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, nil, &hints, &list)
    guard status == 0 else { throw Failure(reason: String(cString: gai_strerror(status))) }
    defer { freeaddrinfo(list) }
    var addresses: [NetworkAddress] = []
    var next = list
    while let entry = next?.pointee {
      if let address = address(of: entry), !addresses.contains(address) { addresses.append(address) }
      next = entry.ai_next
    }
    return addresses
  }

  private static func address(of entry: addrinfo) -> NetworkAddress? {
    guard let socket = entry.ai_addr else { return nil }
    switch entry.ai_family {
    case AF_INET:
      return socket.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { address in
        NetworkAddress(bytes: withUnsafeBytes(of: address.pointee.sin_addr) { Array($0) })
      }
    case AF_INET6:
      return socket.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { address in
        NetworkAddress(bytes: withUnsafeBytes(of: address.pointee.sin6_addr) { Array($0) })
      }
    default: return nil
    }
  }
}
