package import SwiftProtobuf

/// How messages are written on a wire.
package enum MessageFormat: Sendable, CaseIterable {
  /// The protobuf JSON mapping.
  case json
  /// The protobuf binary encoding.
  case binary
}

/// A message on its way out.
package struct OutgoingMessage: Sendable {
  /// The message.
  package let message: any Message

  /// Wraps a message.
  package init(_ message: any Message) { self.message = message }

  /// The message's bytes.
  ///
  /// In JSON the lists of the message itself are written even when they are empty (`"documents":[]`), so that a client
  /// can count on them; protobuf's JSON mapping allows either. Lists of messages within it are left out when empty.
  package func encoded(as format: MessageFormat) throws(ContractError) -> [UInt8] {
    do {
      switch format {
      case .binary: return try message.serializedBytes()
      case .json: return withEmptyLists(try message.jsonUTF8Bytes())
      }
    } catch {
      throw ContractError(any: error)
    }
  }

  private func withEmptyLists(_ json: [UInt8]) -> [UInt8] {
    let fields = ContractSchema.current.messages[type(of: message).protoMessageName]?.fields ?? []
    guard fields.contains(where: \.isRepeated) else { return json }
    let present = FieldPresence.numbers(of: message)
    let missing = fields.filter { $0.isRepeated && !present.contains($0.number) }
    guard !missing.isEmpty, json.last == UInt8(ascii: "}") else { return json }
    let lists = missing.map { "\"\($0.jsonName)\":[]" }.joined(separator: ",")
    return json.dropLast() + (json.count > 2 ? [UInt8(ascii: ",")] : []) + Array(lists.utf8) + [UInt8(ascii: "}")]
  }
}

/// A message of a stream that stands for one of several events.
package protocol StreamEvent: Message {
  /// The name of the field that is set, and what it holds; `nil` when none is.
  var namedEvent: (name: String, payload: any Message)? { get }
}

extension Opentier_V1_StreamChatResponse: StreamEvent {
  /// The event by its field's name.
  package var namedEvent: (name: String, payload: any Message)? {
    switch event {
    case .started(let payload): ("started", payload)
    case .sources(let payload): ("sources", payload)
    case .delta(let payload): ("delta", payload)
    case .toolCall(let payload): ("toolCall", payload)
    case .toolResult(let payload): ("toolResult", payload)
    case .completed(let payload): ("completed", payload)
    case .failed(let payload): ("failed", payload)
    case nil: nil
    }
  }
}

extension Opentier_V1_RegenerateMessageResponse: StreamEvent {
  /// The event by its field's name.
  package var namedEvent: (name: String, payload: any Message)? {
    switch event {
    case .started(let payload): ("started", payload)
    case .sources(let payload): ("sources", payload)
    case .delta(let payload): ("delta", payload)
    case .toolCall(let payload): ("toolCall", payload)
    case .toolResult(let payload): ("toolResult", payload)
    case .completed(let payload): ("completed", payload)
    case .failed(let payload): ("failed", payload)
    case nil: nil
    }
  }
}

extension Opentier_V1_ResumeChatResponse: StreamEvent {
  /// The event by its field's name.
  package var namedEvent: (name: String, payload: any Message)? {
    switch event {
    case .started(let payload): ("started", payload)
    case .sources(let payload): ("sources", payload)
    case .delta(let payload): ("delta", payload)
    case .toolCall(let payload): ("toolCall", payload)
    case .toolResult(let payload): ("toolResult", payload)
    case .completed(let payload): ("completed", payload)
    case .failed(let payload): ("failed", payload)
    case nil: nil
    }
  }
}

extension Opentier_V1_WatchJobResponse: StreamEvent {
  /// The event by its field's name.
  package var namedEvent: (name: String, payload: any Message)? {
    switch event {
    case .progress(let payload): ("progress", payload)
    case .completed(let payload): ("completed", payload)
    case .failed(let payload): ("failed", payload)
    case .cancelled(let payload): ("cancelled", payload)
    case nil: nil
    }
  }
}

/// A message that REST answers as plain text.
package protocol PlainTextResponse: Message {
  /// The whole body.
  var plainText: String { get }
  /// What the entity tag is made of.
  var entityTag: String { get }
}

extension Opentier_V1_GetDocumentTextResponse: PlainTextResponse {
  /// The revision's text.
  package var plainText: String { text }
  /// The hash of the text.
  package var entityTag: String { contentHash }
}
