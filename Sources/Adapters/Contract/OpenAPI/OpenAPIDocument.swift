import Domain
import GRPCCore

/// The OpenAPI 3.1 document of the REST paths, made from the bindings and the contract's comments.
package struct OpenAPIDocument: Sendable {
  /// The document.
  package let json: String

  /// Describes bindings.
  ///
  /// - Parameters:
  ///   - bindings: the methods.
  ///   - prefix: what stands before each path, such as `/api/v1`.
  ///   - version: the version of this server.
  package init(_ bindings: [Binding], prefix: String, version: String) {
    let contract = ContractSchema.current
    var schemas = OpenAPISchemas(contract)
    var paths: [(String, [(String, OpenAPIValue)])] = []
    for binding in bindings {
      let operation = Self.operation(binding, contract, &schemas)
      let member = (binding.verb.rawValue.lowercased(), operation)
      if let index = paths.firstIndex(where: { $0.0 == prefix + binding.path }) {
        paths[index].1.append(member)
      } else {
        paths.append((prefix + binding.path, [member]))
      }
    }
    var services: [String] = []
    for binding in bindings where !services.contains(binding.method.service.fullyQualifiedService) {
      services.append(binding.method.service.fullyQualifiedService)
    }
    var components = schemas.written.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    components.append(("Error", Self.error))
    let document: OpenAPIValue = [
      "openapi": "3.1.0",
      "info": ["title": "OpenTier", "version": .string(version), "description": .string(Self.introduction)],
      "servers": [["url": "/"]],
      "tags": .array(
        services.map { service in
          .object(
            [("name", .string(OpenAPISchemas.name(service)))]
              + OpenAPISchemas.description(contract.comments[service] ?? ""))
        }),
      "paths": .object(paths.map { ($0.0, .object($0.1)) }),
      "components": [
        "schemas": .object(components),
        "securitySchemes": [
          "session": [
            "type": "http", "scheme": "bearer",
            "description": "The session token that sign-up and sign-in answer with.",
          ],
          "apiKey": [
            "type": "http", "scheme": "bearer",
            "description": "The secret of an API key, otk_…, with one of the scopes that are named.",
          ],
        ],
        "responses": [
          "Error": [
            "description": "The request failed; the code says what to do about it.",
            "content": ["application/json": ["schema": ["$ref": "#/components/schemas/Error"]]],
          ]
        ],
      ],
    ]
    json = document.json
  }

  /// A session, or an API key with one of the scopes; each is a way of its own.
  private static func security(of binding: Binding) -> OpenAPIValue {
    .array(
      [["session": []]]
        + APIKeyScope.allCases.filter(binding.scopes.contains).map { ["apiKey": [.string($0.rawValue)]] })
  }

  private static func operation(
    _ binding: Binding, _ contract: ContractSchema, _ schemas: inout OpenAPISchemas
  ) -> OpenAPIValue {
    let comment = contract.comments[binding.method.fullyQualifiedMethod] ?? ""
    let service = OpenAPISchemas.name(binding.method.service.fullyQualifiedService)
    var members: [(String, OpenAPIValue)] = [
      ("operationId", .string("\(service)_\(binding.method.method)")),
      ("tags", [.string(service)]),
      ("summary", .string(Self.summary(of: comment))),
      ("description", .string(comment)),
      ("security", binding.authentication == .session ? Self.security(of: binding) : []),
    ]
    let message = contract.messages[binding.input]
    let inPath = Set(PathTemplate(binding.path).names)
    let parameters = (message?.fields ?? []).filter { inPath.contains($0.jsonName) || !binding.verb.hasBody }
    if !parameters.isEmpty {
      let headers: [OpenAPIValue] = binding.extra == .lastEventID ? [Self.lastEventID] : []
      members.append(
        (
          "parameters",
          .array(
            headers
              + parameters.map { field in
                let isInPath = inPath.contains(field.jsonName)
                return .object(
                  [
                    ("name", .string(field.jsonName)), ("in", .string(isInPath ? "path" : "query")),
                    ("required", .bool(isInPath)), ("schema", schemas.schema(of: field, isRequest: true)),
                  ] + OpenAPISchemas.description(field.comment))
              })
        ))
    }
    if binding.verb.hasBody, let message, message.fields.contains(where: { !inPath.contains($0.jsonName) }) {
      let schema =
        inPath.isEmpty
        ? schemas.reference(binding.input, isRequest: true)
        : schemas.object(message, leavingOut: inPath, isRequest: true)
      var content: [(String, OpenAPIValue)] = [("application/json", ["schema": schema])]
      if binding.extra == .upload { content.append(("multipart/form-data", ["schema": Self.upload])) }
      members.append(("requestBody", ["content": .object(content)]))
    }
    members.append(
      (
        "responses",
        [
          "200": Self.answer(binding, contract, &schemas),
          "default": ["$ref": "#/components/responses/Error"],
        ]
      ))
    return .object(members)
  }

  private static func answer(
    _ binding: Binding, _ contract: ContractSchema, _ schemas: inout OpenAPISchemas
  ) -> OpenAPIValue {
    let message = contract.messages[binding.output]
    let comment = message.map(\.comment) ?? ""
    if binding.isStreaming {
      let events = message?.fields ?? []
      let lines = events.map { "- `\($0.name)`: \($0.comment)" }.joined(separator: "\n")
      let start = binding.extra == .lastEventID ? "behind the last event that was seen" : "1"
      let schema: OpenAPIValue = .object([("oneOf", .array(events.map { schemas.reference($0.typeName) }))])
      return [
        "description": .string(
          "Server-sent events with an `id` that counts up from \(start). The schema is that of an event's data.\n\n\(lines)\n"
            + "- `error`: The stream was broken off; the data is an `Error`."),
        "content": ["text/event-stream": ["schema": schema]],
      ]
    }
    if binding.extra == .plainText {
      return ["description": .string(comment), "content": ["text/plain": ["schema": ["type": "string"]]]]
    }
    return [
      "description": .string(comment),
      "content": ["application/json": ["schema": schemas.reference(binding.output)]],
    ]
  }

  /// The first sentence of a comment, without the full stop.
  private static func summary(of comment: String) -> String {
    let sentence = comment.split(separator: "\n").first.map(String.init) ?? ""
    guard let end = sentence.firstRange(of: ". ") else {
      return sentence.hasSuffix(".") ? String(sentence.dropLast()) : sentence
    }
    return String(sentence[..<end.lowerBound])
  }

  private static let introduction = """
    Messages are written in the protobuf JSON mapping: fields in lowerCamelCase, times as in RFC 3339, unknown fields \
    are an error. Query parameters that are enums also take the short form in lower case (`status=pending`). Every \
    answer carries `x-request-id`. The same methods answer on `POST /opentier.v1.SERVICE/METHOD` by the Connect \
    protocol, in JSON and binary, and by gRPC-Web; those that change nothing also by Connect's GET.
    """

  private static let lastEventID: OpenAPIValue = [
    "name": "Last-Event-ID", "in": "header", "required": false, "schema": ["type": "string"],
    "description":
      "The `id` of the last event that was seen; wins over `lastEventId`. `EventSource` sends it by itself.",
  ]

  private static let upload: OpenAPIValue = [
    "type": "object",
    "description": "A file with what is said about it; the file comes last.",
    "properties": [
      "title": ["type": "string", "description": "The title; without it the file's name."],
      "metadata": ["type": "string", "description": "The properties, as a JSON object."],
      "documentId": ["type": "string", "description": "The document that this is a new revision of."],
      "sourceUri": ["type": "string", "description": "Where the content comes from."],
      "file": ["type": "string", "contentMediaType": "application/octet-stream", "description": "The file."],
      "records": [
        "type": "string", "contentMediaType": "application/x-ndjson",
        "description": "JSON Lines, each line a document, instead of the file.",
      ],
    ],
    "oneOf": [["required": ["file"]], ["required": ["records"]]],
    "additionalProperties": false,
  ]

  private static let error: OpenAPIValue = [
    "type": "object",
    "description": "Why a request failed. The HTTP status goes with the code.",
    "properties": [
      "code": ["type": "string", "enum": .array(ContractErrorCode.allCases.map { .string($0.rawValue) })],
      "message": ["type": "string", "description": "What was wrong, in words for people."],
      "details": [
        "type": "array",
        "description": "More, for programs: protobuf messages in Base64, and readable in `debug`.",
        "items": [
          "type": "object",
          "properties": [
            "type": ["type": "string"], "value": ["type": "string"], "debug": ["type": "object"],
          ],
        ],
      ],
    ],
    "required": ["code", "message", "details"],
  ]
}
