import Domain

/// Lets a model read on in a document: the passages that stand around one that it was given.
///
/// A model knows passages by their numbers, and no ids of documents, so that it can read on from what was found for its
/// asker and from nothing else.
struct ReadDocumentTool: ChatTool {
  /// The most passages on each side.
  static let maximumReach = 4

  let index: any PassageIndex

  private struct Arguments: Decodable {
    let passage: Int
    let reach: Int?
  }

  let definition = ModelTool(
    name: "read_document",
    description: """
      Reads on in the document of a numbered passage: returns what stands before and behind it, numbered. Use it when a \
      passage breaks off before it answers the question.
      """,
    parameters: """
      {"type":"object","properties":{"passage":{"type":"integer","minimum":1,"description":"The passage's number."},\
      "reach":{"type":"integer","minimum":1,"maximum":\(maximumReach),"description":"How many passages on each side; 2 \
      unless said."}},"required":["passage"],"additionalProperties":false}
      """)

  func callAsFunction(_ arguments: String, _ use: ChatToolUse) async throws(ChatToolFailure) -> ChatToolAnswer {
    let given = try ToolArguments.read(Arguments.self, from: arguments)
    let reach = given.reach ?? 2
    guard (1...Self.maximumReach).contains(reach) else {
      throw .invalid("reach must be a whole number from 1 to \(Self.maximumReach)")
    }
    guard let source = use.sources.first(where: { $0.marker == given.passage }) else {
      throw .invalid("there is no passage \(given.passage)")
    }
    let chunk = source.chunkID
    do throws(StorageFailure) {
      let around = try await index.neighbours(of: [chunk], reach: reach, in: use.caller.organizationID)
      return .passages((around[chunk] ?? []).map { SearchHit(passage: $0, score: 0) })
    } catch {
      throw ChatToolFailure(UseCaseFailure(error, "passage"))
    }
  }
}
