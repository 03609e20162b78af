import FoundationEssentials
import JSONValues

/// A message of JSON-RPC 2.0 that a client sends.
enum MCPMessage: Equatable {
  /// A request, which is answered.
  case request(MCPRequest)
  /// A notification, which is not.
  case notification(method: String, parameters: [String: JSONValue])

  /// Reads a body.
  ///
  /// - Throws: ``MCPError/Code/parse`` for what is no JSON; ``MCPError/Code/invalidRequest`` for what is neither a request
  ///   nor a notification, such as a batch, which no revision that is served has.
  init(_ body: [UInt8]) throws(MCPError) {
    let json: JSONValue
    do { json = try JSONDecoder().decode(JSONValue.self, from: Data(body)) } catch {
      throw MCPError(code: .parse, message: "the body is not JSON", status: 400)
    }
    guard let members = json.members else {
      throw .invalidRequest("the body must be one JSON-RPC message, and neither a batch nor anything else")
    }
    guard members["jsonrpc"] == "2.0" else { throw .invalidRequest("jsonrpc must be \"2.0\"") }
    guard let method = members["method"]?.string else {
      throw .invalidRequest("method must be a string: only requests and notifications are taken")
    }
    let parameters: [String: JSONValue]
    switch members["params"] {
    case .object(let given)?: parameters = given
    case nil: parameters = [:]
    default: throw .invalidRequest("params must be an object")
    }
    switch members["id"] {
    case nil: self = .notification(method: method, parameters: parameters)
    case .string?, .integer?:
      self = .request(MCPRequest(id: members["id"] ?? .null, method: method, parameters: parameters))
    default: throw .invalidRequest("id must be a string or a whole number")
    }
  }
}

/// A request of JSON-RPC 2.0.
struct MCPRequest: Equatable {
  /// A string or a whole number.
  let id: JSONValue
  let method: String
  let parameters: [String: JSONValue]

  /// A parameter that must be a string.
  func text(_ name: String) throws(MCPError) -> String {
    guard let text = parameters[name]?.string else { throw .invalid("params.\(name) must be a string") }
    return text
  }
}
