/// A line of a JSON Lines file of documents, in the layout that BEIR collections have: an object with `text` and, where
/// known, `_id`, `title` and `url`.
package struct DocumentLine: Decodable, Sendable {
  /// The most bytes of one line.
  package static let maximumBytes = 16 << 20

  /// Its name in the file.
  package let id: String?
  /// The title.
  package let title: String?
  /// The text.
  package let text: String
  /// Where it comes from.
  package let url: String?

  private enum CodingKeys: String, CodingKey {
    case id = "_id"
    case title, text, url
  }
}
