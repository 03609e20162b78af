import Contract

/// What answers at a path.
enum Route: Sendable {
  /// A method of the contract on its REST path.
  case rest(Binding)
  /// A method of the contract on its procedure's path, which Connect and gRPC-Web share: the media type tells them apart.
  case procedure(Binding)
  /// A method of the contract by Connect's GET.
  case query(Binding)
  /// A method of the OpenAI-compatible API.
  case openAI(OpenAIOperation)
  /// A message of the Model Context Protocol.
  case mcp
  /// Something that is whole at once: a probe, a document, a file.
  case endpoint(@Sendable (RequestHead) async -> Answer)
}

/// All paths of the server.
struct RouteTable: Sendable {
  /// What a lookup found.
  enum Match {
    /// A route, the template that it has in logs and metrics, and what the template's gaps hold, still encoded.
    case found(Route, template: String, values: [Substring])
    /// The path is there, but not for this method.
    case methodNotAllowed(template: String, allowed: [String])
    /// There is no such path.
    case notFound
  }

  private struct Node: Sendable {
    var literals: [String: Int] = [:]
    var parameter: Int?
    var template = ""
    var methods: [String: Route] = [:]
  }

  private var nodes = [Node()]

  /// Adds a route. Adding one twice is an error of the program, which the tests of the table would show.
  mutating func add(_ method: String, _ template: String, _ route: Route) {
    var index = 0
    for segment in PathTemplate(template).segments {
      switch segment {
      case .literal(let text): index = child(of: index, at: \.literals[text])
      case .parameter: index = child(of: index, at: \.parameter)
      }
    }
    precondition(nodes[index].methods[method] == nil, "\(method) \(template) is bound twice")
    nodes[index].template = template
    nodes[index].methods[method] = route
  }

  private mutating func child(of index: Int, at path: WritableKeyPath<Node, Int?>) -> Int {
    if let next = nodes[index][keyPath: path] { return next }
    nodes.append(Node())
    nodes[index][keyPath: path] = nodes.count - 1
    return nodes.count - 1
  }

  /// Finds the route of a request. Literal segments win over parameters; HEAD finds what GET does.
  func match(_ method: String, path: String) -> Match {
    guard path.first == "/" else { return .notFound }
    let segments =
      path == "/" ? [] : path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    var values: [Substring] = []
    guard let node = find(segments[...], from: 0, &values), !nodes[node].methods.isEmpty else { return .notFound }
    let (methods, template) = (nodes[node].methods, nodes[node].template)
    if let route = methods[method] { return .found(route, template: template, values: values) }
    if method == "HEAD", let route = methods["GET"], !route.isStreaming {
      return .found(route, template: template, values: values)
    }
    var allowed = Set(methods.keys).union(["OPTIONS"])
    if let get = methods["GET"], !get.isStreaming { allowed.insert("HEAD") }
    return .methodNotAllowed(template: template, allowed: allowed.sorted())
  }

  private func find(_ rest: ArraySlice<Substring>, from index: Int, _ values: inout [Substring]) -> Int? {
    guard let segment = rest.first else { return nodes[index].methods.isEmpty ? nil : index }
    if let next = nodes[index].literals[String(segment)], let found = find(rest.dropFirst(), from: next, &values) {
      return found
    }
    guard let next = nodes[index].parameter, !segment.isEmpty else { return nil }
    values.append(segment)
    if let found = find(rest.dropFirst(), from: next, &values) { return found }
    values.removeLast()
    return nil
  }
}

extension Route {
  /// Whether the answer is a stream.
  var isStreaming: Bool { if case .rest(let binding) = self { binding.isStreaming } else { false } }
}
