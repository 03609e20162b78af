@testable import Upload

/// A body is read alike in one piece and in pieces of any size; the first byte is that size.
func fuzzMultipart(_ bytes: [UInt8]) {
  guard let size = bytes.first else { return }
  let body = bytes.dropFirst()
  let whole = read([body])
  var pieces: [ArraySlice<UInt8>] = []
  var rest = body
  while !rest.isEmpty {
    pieces.append(rest.prefix(Int(size) + 1))
    rest = rest.dropFirst(Int(size) + 1)
  }
  require(read(pieces) == whole, "the pieces give another form than the whole")
}

/// The events, what belongs together in one; `nil` for what is no form.
private func read(_ pieces: [ArraySlice<UInt8>]) -> [MultipartParser.Event]? {
  guard var parser = MultipartParser(boundary: "b") else { fatalError("the boundary is one") }
  var events: [MultipartParser.Event] = []
  for piece in pieces {
    guard let more = try? parser.feed(piece) else { return nil }
    for event in more {
      if case .data(let part) = event, case .data(let before)? = events.last {
        events[events.count - 1] = .data(before + part)
      } else {
        events.append(event)
      }
    }
  }
  return parser.isAtEnd ? events : nil
}
