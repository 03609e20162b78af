import FoundationEssentials
import SwiftProtobuf

extension ContractError {
  /// The JSON body of an error on REST and Connect: `{"code","message","details":[…]}`.
  ///
  /// A detail has the shape of Connect's: `type` (the message's full name), `value` (its bytes in Base64 without
  /// padding) and `debug` (its JSON). Source: the Connect protocol reference, "Error End-Stream".
  package var json: [UInt8] {
    let details = self.details.map(\.connectDetail).joined(separator: ",")
    let code = JSONText.quoted(code.rawValue)
    return Array(#"{"code":\#(code),"message":\#(JSONText.quoted(message)),"details":[\#(details)]}"#.utf8)
  }
}

extension Opentier_V1_FieldViolation {
  /// Names a field that breaks a rule.
  package init(_ field: String, _ description: String) {
    self.init()
    self.field = field
    self.description_p = description
  }

  fileprivate var connectDetail: String {
    // Two strings always serialize: no required fields, no `Any`, and Swift strings are valid UTF-8.
    let bytes: [UInt8] = (try? serializedBytes()) ?? []
    var value = Data(bytes).base64EncodedString()
    while value.hasSuffix("=") { value.removeLast() }
    let debug =
      #"{"field":\#(JSONText.quoted(field)),"description":\#(JSONText.quoted(description_p))}"#
    return #"{"type":"\#(Self.protoMessageName)","value":"\#(value)","debug":\#(debug)}"#
  }
}

/// Writes JSON strings.
package enum JSONText {
  /// A string in quotes, escaped as RFC 8259 §7 demands.
  package static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      case "\u{0}"..."\u{1f}":
        let hexadecimal = String(scalar.value, radix: 16)
        out += "\\u" + String(repeating: "0", count: 4 - hexadecimal.count) + hexadecimal
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
}
