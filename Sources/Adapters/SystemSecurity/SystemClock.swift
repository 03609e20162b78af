package import Application
import FoundationEssentials

extension WallClock {
  /// The operating system's clock.
  package static let system = WallClock { Date() }
}
