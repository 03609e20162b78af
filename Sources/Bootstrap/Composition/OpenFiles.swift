import Glibc

/// How many files this process may have open at once.
enum OpenFiles {
  /// Takes as many as the system lets it have: a streamed answer needs two connections, and most systems start a process with
  /// 1,024. Where that is refused, what was allowed before still is.
  static func raiseLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max else {
      return
    }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }
}
