import CLibPQ

// The extended protocol through libpq: parameters and results in binary.
extension LibPQSession {
  /// What reading an answer came to.
  enum Progress {
    case incomplete
    case complete
    /// An answer that only `COPY` has.
    case unexpected
  }

  /// libpq's words for the last failure.
  var errorMessage: String { PQerrorMessage(handle).map { String(cString: $0) } ?? "" }

  /// Whether libpq is in pipeline mode: always but while a script runs.
  var isInPipeline: Bool { PQpipelineStatus(handle) != PQ_PIPELINE_OFF }

  /// Queues what is to be sent; false when libpq refuses, after which the connection is of no more use.
  func send(_ exchange: Exchange, with cache: inout StatementCache, usingNames: Bool) -> Bool {
    if case .script(let text) = exchange.work {
      return PQexitPipelineMode(handle) == 1 && PQsendQuery(handle, text) == 1
    }
    // A failed transaction takes nothing but its end.
    let mayDeallocate = PQtransactionStatus(handle) != PQTRANS_INERROR
    for name in mayDeallocate ? cache.takeEvicted() : [] {
      guard send("DEALLOCATE \(name)", []) else { return false }
      exchange.steps.append(.deallocate)
    }
    let usingNames = usingNames && exchange.usesPreparedStatements
    var preparing: [StatementCache.Key: String] = [:]
    for (index, statement) in exchange.statements.enumerated() {
      if usingNames {
        let key = statement.key
        let known = cache.name(for: key) ?? preparing[key]
        let name = known ?? cache.newName()
        if known == nil {
          guard PQsendPrepare(handle, name, statement.text, Int32(key.types.count), key.types) == 1 else {
            return false
          }
          exchange.steps.append(.prepare(key, name: name))
          preparing[key] = name
        }
        guard sendPrepared(name, statement.parameters) else { return false }
      } else {
        guard send(statement.text, statement.parameters) else { return false }
      }
      exchange.steps.append(.execute(index))
    }
    exchange.steps.append(.sync)
    return PQpipelineSync(handle) == 1
  }

  private func send(_ text: String, _ parameters: [PostgresValue]) -> Bool {
    parameters.withPointers { values, lengths, formats in
      PQsendQueryParams(handle, text, Int32(parameters.count), parameters.map(\.type), values, lengths, formats, 1)
    } == 1
  }

  private func sendPrepared(_ name: String, _ parameters: [PostgresValue]) -> Bool {
    parameters.withPointers { values, lengths, formats in
      PQsendQueryPrepared(handle, name, Int32(parameters.count), values, lengths, formats, 1)
    } == 1
  }

  /// Takes the results that have come.
  func collect(_ exchange: Exchange, into cache: inout StatementCache) -> Progress {
    while PQisBusy(handle) == 0 {
      guard let result = PQgetResult(handle) else {
        // The end of a script's answer, or of a statement's in a pipeline.
        if !isInPipeline { return .complete }
        if exchange.step == nil { return .incomplete }
        if PQstatus(handle) == CONNECTION_BAD { return .incomplete }
        exchange.position += 1
        continue
      }
      switch PQresultStatus(result) {
      case PGRES_PIPELINE_SYNC:
        PQclear(result)
        return .complete
      case PGRES_FATAL_ERROR, PGRES_NONFATAL_ERROR, PGRES_BAD_RESPONSE:
        failed(exchange, PostgresError(result), &cache)
        PQclear(result)
      case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
        PQclear(result)
        return .unexpected
      case PGRES_PIPELINE_ABORTED:
        PQclear(result)
      default: succeeded(exchange, PostgresResult(result), &cache)
      }
    }
    return .incomplete
  }

  private func succeeded(_ exchange: Exchange, _ result: PostgresResult, _ cache: inout StatementCache) {
    switch exchange.step {
    case .prepare(let key, let name): cache.insert(name, for: key)
    case .execute:
      exchange.outcome.results.append(result)
      // A transaction that has failed answers COMMIT with a rollback, and no error.
      if case .end(let scope, commits: true) = exchange.work, result.tag != "COMMIT" {
        exchange.fail(scope.error ?? PostgresError(sqlState: "25P02", message: "COMMIT rolled back"))
      }
    case .deallocate, .sync, nil: break
    }
  }

  private func failed(_ exchange: Exchange, _ error: PostgresError, _ cache: inout StatementCache) {
    // Without a SQLSTATE the words are libpq's own: the connection is gone, and its status says so.
    guard !error.sqlState.isEmpty else { return }
    if error.concernsPreparedStatement {
      if error.sqlState == "0A000", case .execute(let index) = exchange.step {
        cache.remove(exchange.statements[index].key)
      } else {
        cache.removeAll()
      }
    }
    // The end of the connection follows, and is the failure.
    if error.endsConnection { exchange.noteRefusal() } else { exchange.fail(error) }
  }
}

extension Statement {
  /// The protocol counts parameters in 16 bits, and the server takes messages of up to 1 GiB.
  var fitsProtocol: Bool {
    parameters.count <= 65535
      && parameters.reduce(text.utf8.count) { $0 + 4 + ($1.bytes?.count ?? 0) } < 1_073_000_000
  }
}

extension [PostgresValue] {
  /// From so many bytes on a value is not copied together with the others.
  private static var copiedBytes: Int { 65536 }

  /// Hands out the values as libpq takes them: pointers, lengths and formats, all binary.
  func withPointers<Value>(
    _ body: (UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<Int32>, UnsafePointer<Int32>) -> Value
  ) -> Value {
    var copied: [CChar] = []
    copied.reserveCapacity(reduce(1) { $0 + Swift.min($1.bytes?.count ?? 0, Self.copiedBytes) })
    var offsets: [Int] = []
    for value in self {
      offsets.append(copied.count)
      guard let bytes = value.bytes, bytes.count < Self.copiedBytes else { continue }
      bytes.withUnsafeBytes { copied.append(contentsOf: $0.bindMemory(to: CChar.self)) }
    }
    copied.append(0)
    let lengths = map { Int32($0.bytes?.count ?? 0) }
    let formats = [Int32](repeating: 1, count: count)
    return copied.withUnsafeBufferPointer { copied in
      var pointers = zip(self, offsets).map { value, offset -> UnsafePointer<CChar>? in
        value.bytes == nil ? nil : copied.baseAddress.map { $0 + offset }
      }
      let large = indices.filter { (self[$0].bytes?.count ?? 0) >= Self.copiedBytes }
      return withLarge(large[...], &pointers) { pointers in
        pointers.withUnsafeBufferPointer { pointers in
          lengths.withUnsafeBufferPointer { lengths in
            formats.withUnsafeBufferPointer { formats in
              // An array's buffer has an address unless it is empty, and then libpq reads none.
              withUnsafePointer(to: nil as UnsafePointer<CChar>?) { none in
                withUnsafePointer(to: 0 as Int32) { zero in
                  body(pointers.baseAddress ?? none, lengths.baseAddress ?? zero, formats.baseAddress ?? zero)
                }
              }
            }
          }
        }
      }
    }
  }

  /// Fills in the addresses of large values, each valid within the next call.
  private func withLarge<Value>(
    _ indices: ArraySlice<Int>, _ pointers: inout [UnsafePointer<CChar>?],
    _ body: ([UnsafePointer<CChar>?]) -> Value
  ) -> Value {
    guard let index = indices.first, let bytes = self[index].bytes else { return body(pointers) }
    return bytes.withUnsafeBytes { bytes in
      pointers[index] = bytes.bindMemory(to: CChar.self).baseAddress
      return withLarge(indices.dropFirst(), &pointers, body)
    }
  }
}
