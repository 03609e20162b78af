import PostgresTesting

/// What the schema `public` is made of, as sorted lines, the extensions' parts left out.
enum SchemaDescription {
  /// Everything about everything, in the words of the server's own descriptions.
  static func read(at url: String) async throws -> [String] {
    try await PostgresTestServer.execute(everything, at: url).compactMap { $0[0] }
  }

  /// The kinds and names of what is there.
  static func objects(at url: String) async throws -> [String] {
    try await PostgresTestServer.execute(objects, at: url).compactMap { $0[0] }
  }

  private static func isOurs(_ catalog: String, _ oid: String) -> String {
    "NOT EXISTS (SELECT FROM pg_depend WHERE classid = '\(catalog)'::regclass AND objid = \(oid) AND deptype = 'e')"
  }

  private static let objects = """
    SELECT format('%s %s', CASE relkind WHEN 'r' THEN 'table' WHEN 'S' THEN 'sequence' ELSE 'view' END, relname)
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
      AND \(isOurs("pg_class", "pg_class.oid"))
    UNION ALL
    SELECT format('routine %s', oid::regprocedure) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND \(isOurs("pg_proc", "pg_proc.oid"))
    UNION ALL
    SELECT format('type %s', typname) FROM pg_type
    WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd', 'r')
      AND \(isOurs("pg_type", "pg_type.oid"))
    UNION ALL
    SELECT format('operator %s', oid::regoperator) FROM pg_operator
    WHERE oprnamespace = 'public'::regnamespace AND \(isOurs("pg_operator", "pg_operator.oid"))
    ORDER BY 1
    """

  private static let everything = """
    SELECT line FROM (
      SELECT format('relation %s %s owner %s acl %s security %s %s options %s', relname, relkind, relowner::regrole,
        relacl::text, relrowsecurity, relforcerowsecurity, reloptions::text) AS line
      FROM pg_class WHERE relnamespace = 'public'::regnamespace AND \(isOurs("pg_class", "pg_class.oid"))
      UNION ALL
      SELECT format('column %s.%s %s position %s null %s default %s identity %s generated %s storage %s acl %s',
        c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
        row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), NOT a.attnotnull,
        pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated, a.attstorage, a.attacl::text)
      FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
      LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND a.attnum > 0
        AND NOT a.attisdropped
      UNION ALL
      SELECT format('constraint %s.%s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace
      UNION ALL
      SELECT format('index %s', pg_get_indexdef(indexrelid)) FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid
      WHERE c.relnamespace = 'public'::regnamespace
      UNION ALL
      SELECT format('trigger %s', pg_get_triggerdef(t.oid)) FROM pg_trigger AS t
      JOIN pg_class AS c ON c.oid = t.tgrelid WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal
      UNION ALL
      SELECT format('policy %s.%s %s for %s to %s using %s check %s', tablename, policyname, permissive, cmd,
        roles::text, qual, with_check) FROM pg_policies WHERE schemaname = 'public'
      UNION ALL
      SELECT format('routine %s owner %s acl %s: %s', oid::regprocedure, proowner::regrole, proacl::text,
        pg_get_functiondef(oid))
      FROM pg_proc
      WHERE pronamespace = 'public'::regnamespace AND prokind <> 'a' AND \(isOurs("pg_proc", "pg_proc.oid"))
      UNION ALL
      SELECT format('enum %s %s', enumtypid::regtype, string_agg(enumlabel, ',' ORDER BY enumsortorder))
      FROM pg_enum GROUP BY enumtypid
      UNION ALL
      SELECT format('comment %s.%s %s', objoid::regclass, objsubid, description) FROM pg_description AS d
      JOIN pg_class AS c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass
      WHERE c.relnamespace = 'public'::regnamespace
      UNION ALL
      SELECT format('schema acl %s', acl) FROM pg_namespace AS n, unnest(n.nspacl) AS acl
      WHERE n.nspname = 'public' AND acl::text NOT LIKE '%=/%'
    ) AS lines ORDER BY line COLLATE "C"
    """
}
