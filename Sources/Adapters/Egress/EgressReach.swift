package import Domain
import Glibc
package import NIOCore

/// To which addresses connections to a host may go, whatever its name resolves to.
package enum EgressReach: Hashable, Sendable {
  /// To those of the Internet.
  case global
  /// To this machine and its network as well, but to no cloud's metadata.
  case alsoPrivate
  /// To the one that was written in place of a name.
  case any

  /// The reach of a host that configuration itself has the server talk to, such as a model's.
  package static func configured(_ host: String) -> EgressReach { NetworkAddress(host) == nil ? .alsoPrivate : .any }

  /// Whether connections may go there.
  package func permits(_ address: NetworkAddress) -> Bool {
    switch (self, address.reach) {
    case (.any, _), (_, .global), (.alsoPrivate, .loopback), (.alsoPrivate, .privateUse): true
    default: false
    }
  }

  /// Holds an established connection against this, before anything is sent on it: a name that resolved to one address
  /// may resolve to another a moment later.
  ///
  /// - Returns: a future that fails with `RefusedAddress`; the connection is closed then.
  package func check(_ channel: any Channel) -> EventLoopFuture<Void> {
    let address = channel.remoteAddress.flatMap(NetworkAddress.init)
    guard let address, permits(address) else {
      // Once whoever made the connection knows: they do not close what they were refused.
      channel.eventLoop.execute { channel.close(promise: nil) }
      return channel.eventLoop.makeFailedFuture(RefusedAddress(address))
    }
    return channel.eventLoop.makeSucceededVoidFuture()
  }
}

extension NetworkAddress {
  /// The address of a socket; `nil` for a local one.
  package init?(_ address: SocketAddress) {
    switch address {
    case .v4(let address):
      self.init(bytes: withUnsafeBytes(of: address.address.sin_addr.s_addr) { Array($0) })
    case .v6(let address):
      self.init(bytes: withUnsafeBytes(of: address.address.sin6_addr) { Array($0) })
    case .unixDomainSocket: return nil
    }
  }
}
