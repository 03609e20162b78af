import Logging

/// Logs what the SQLite file has to tell.
enum SQLiteLogging {
  /// Says what to do about a full disk.
  static func onFull(_ logger: Logger, directory: String) -> @Sendable () -> Void {
    {
      logger.error(
        """
        the disk is full that the data folder \(directory) is on: make room there; nothing was lost, and writing works \
        again by itself
        """)
    }
  }
}
