import Domain
import FoundationEssentials
import GRDB

extension SearchScope {
  /// The conditions of the scope on a revision `r` of a document `d`, with the arguments of their question marks.
  func conditions() throws -> (sql: String, arguments: [DatabaseValue]) {
    var sql = ["r.organization_id = ?"]
    var arguments = [organizationID.sql]
    func require(_ condition: String, _ values: DatabaseValue...) {
      sql.append(condition)
      arguments += values
    }
    if let asOf {
      require("r.published_at <= ? AND (r.superseded_at IS NULL OR r.superseded_at > ?)", asOf.sql, asOf.sql)
    } else {
      require("r.superseded_at IS NULL")
    }
    if !filters.documentIDs.isEmpty {
      // As text, because JSON holds no bytes; one argument, because a statement's number of them is limited.
      let ids = filters.documentIDs.map { $0.uuid.uuidString.filter { $0 != "-" } }
      require("hex(d.id) IN (SELECT value FROM json_each(?))", try ids.json())
    }
    if !filters.tags.isEmpty {
      require(
        """
        EXISTS (SELECT 1 FROM json_each(r.tags) AS tag WHERE tag.value IN (SELECT value FROM json_each(?)))
        """, try Array(filters.tags).json())
    }
    if let contributor = filters.contributorID { require("r.submitted_by = ?", contributor.sql) }
    if let prefix = filters.sourcePrefix {
      let bytes = Data(prefix.utf8).databaseValue
      require("d.source_uri IS NOT NULL")
      // The empty prefix is apart: GRDB would bind its bytes as NULL.
      if !prefix.isEmpty { require("substr(CAST(d.source_uri AS BLOB), 1, length(?)) = ?", bytes, bytes) }
    }
    if let after = filters.publishedAfter { require("r.published_at >= ?", after.sql) }
    if let before = filters.publishedBefore { require("r.published_at < ?", before.sql) }
    return (sql.joined(separator: " AND "), arguments)
  }
}
