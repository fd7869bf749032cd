-- catalog: what a database holds, a line for each object: its kind, its name, its definition.
--
-- Looked at: schemas, extensions, and in `public`, as far as no extension brought it, tables, views, sequences, their
-- columns, constraints, indexes, statistics, triggers, rules and policies, and functions and types. Left out: rows,
-- comments, grants, the order of columns, `alembic_version`, and the schema `masked`, which no revision makes. An owner
-- is told only where it is not the role that asks. No line holds an OID, and nothing depends on the session's settings
-- once `mpm_ops.schema.drift` has set them.
WITH brought AS MATERIALIZED (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), relations AS MATERIALIZED (
    SELECT c.oid, c.relname AS name, c.relkind AS kind, c.relowner AS owner, c.relpersistence AS persistence,
           c.reloptions AS options, c.relrowsecurity AS guarded, c.relforcerowsecurity AS forced, c.relpartbound AS bound,
           c.relreplident AS identity
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
      AND c.relname <> 'alembic_version' AND c.oid NOT IN (SELECT objid FROM brought WHERE classid = 'pg_class'::regclass)
)
SELECT CASE r.kind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
                   WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'type' ELSE 'table' END AS kind,
       r.name::text AS name,
       concat_ws(' ',
           CASE r.persistence WHEN 'u' THEN 'unlogged' END,
           CASE WHEN r.kind IN ('v', 'm') THEN pg_get_viewdef(r.oid) END,
           CASE WHEN r.kind = 'p' THEN 'partition by ' || pg_get_partkeydef(r.oid) END,
           pg_get_expr(r.bound, r.oid),
           'with ' || r.options::text,
           CASE WHEN r.guarded THEN 'row level security' END,
           CASE WHEN r.forced THEN 'forced' END,
           CASE WHEN r.identity NOT IN ('d', 'n') THEN 'replica identity ' || r.identity::text END,
           'inherits ' || (SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno)
                           FROM pg_inherits i WHERE i.inhrelid = r.oid),
           'owned by ' || nullif(r.owner::regrole::text, quote_ident(current_user))) AS definition
FROM relations r
UNION ALL
SELECT 'column', r.name || '.' || a.attname,
       concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
           'identity ' || nullif(a.attidentity::text, ''),
           'generated ' || nullif(a.attgenerated::text, ''),
           -- Only what is generated names columns; naming the table would make the server read all about it first.
           'default ' || pg_get_expr(d.adbin, CASE WHEN a.attgenerated <> '' THEN a.attrelid ELSE 0 END),
           CASE WHEN a.attcollation <> t.typcollation THEN 'collation ' || a.attcollation::regcollation END)
FROM relations r
JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE r.kind <> 'S'
UNION ALL
SELECT 'sequence of', r.name::text,
       concat_ws(' ', format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle)
FROM relations r JOIN pg_sequence s ON s.seqrelid = r.oid
UNION ALL
SELECT 'constraint', r.name || '.' || c.conname, pg_get_constraintdef(c.oid)
FROM relations r JOIN pg_constraint c ON c.conrelid = r.oid WHERE c.contype IN ('p', 'u', 'f', 'c', 'x')
UNION ALL
SELECT 'index', i.indexrelid::regclass::text,
       pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisvalid THEN '' ELSE ' (invalid)' END
FROM relations r JOIN pg_index i ON i.indrelid = r.oid
WHERE NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.conrelid = i.indrelid)
UNION ALL
SELECT 'statistics', s.stxname::text, pg_get_statisticsobjdef(s.oid)
FROM relations r JOIN pg_statistic_ext s ON s.stxrelid = r.oid
UNION ALL
-- A foreign key's own triggers bear OIDs in their names; they matter once somebody has switched them off.
SELECT 'trigger', r.name || '.' || CASE WHEN t.tgisinternal THEN coalesce(c.conname, t.tgname) ELSE t.tgname END,
       concat_ws(' ', CASE WHEN NOT t.tgisinternal THEN pg_get_triggerdef(t.oid) END,
           CASE t.tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END)
FROM relations r JOIN pg_trigger t ON t.tgrelid = r.oid LEFT JOIN pg_constraint c ON c.oid = t.tgconstraint
WHERE NOT t.tgisinternal OR t.tgenabled <> 'O'
UNION ALL
SELECT 'rule', r.name || '.' || w.rulename,
       concat_ws(' ', pg_get_ruledef(w.oid),
           CASE w.ev_enabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END)
FROM relations r JOIN pg_rewrite w ON w.ev_class = r.oid WHERE w.rulename <> '_RETURN'
UNION ALL
SELECT 'policy', r.name || '.' || p.polname,
       concat_ws(' ', p.polcmd::text, CASE WHEN p.polpermissive THEN 'permissive' END,
           'for ' || (SELECT string_agg(CASE m WHEN 0 THEN 'public' ELSE m::regrole::text END, ', ' ORDER BY m)
                      FROM unnest(p.polroles) AS m),
           'using ' || pg_get_expr(p.polqual, p.polrelid), 'check ' || pg_get_expr(p.polwithcheck, p.polrelid))
FROM relations r JOIN pg_policy p ON p.polrelid = r.oid
UNION ALL
SELECT 'function', p.oid::regprocedure::text,
       concat_ws(' ',
           CASE WHEN p.prokind = 'a'
                THEN (SELECT concat_ws(' ', 'aggregate', g.aggtransfn, g.aggfinalfn, g.aggcombinefn,
                                       format_type(g.aggtranstype, NULL), g.agginitval)
                      FROM pg_aggregate g WHERE g.aggfnoid = p.oid)
                ELSE pg_get_functiondef(p.oid) END,
           'owned by ' || nullif(p.proowner::regrole::text, quote_ident(current_user)))
FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace
  AND p.oid NOT IN (SELECT objid FROM brought WHERE classid = 'pg_proc'::regclass)
UNION ALL
SELECT 'type', t.typname::text,
       concat_ws(' ',
           'enum ' || (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
                       FROM pg_enum e WHERE e.enumtypid = t.oid),
           'range of ' || (SELECT format_type(g.rngsubtype, NULL) FROM pg_range g WHERE g.rngtypid = t.oid),
           CASE WHEN t.typtype = 'd' THEN 'domain ' || format_type(t.typbasetype, t.typtypmod) END,
           CASE WHEN t.typnotnull THEN 'not null' END,
           'default ' || t.typdefault,
           (SELECT string_agg(c.conname || ' ' || pg_get_constraintdef(c.oid), ', ' ORDER BY c.conname)
            FROM pg_constraint c WHERE c.contypid = t.oid AND c.contype = 'c'),
           'owned by ' || nullif(t.typowner::regrole::text, quote_ident(current_user)))
FROM pg_type t
WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd', 'r')
  AND t.oid NOT IN (SELECT objid FROM brought WHERE classid = 'pg_type'::regclass)
UNION ALL
SELECT 'extension', extname::text, '' FROM pg_extension
UNION ALL
SELECT 'schema', nspname::text, '' FROM pg_namespace
WHERE oid >= 16384 AND nspname <> 'masked'
  AND oid NOT IN (SELECT objid FROM brought WHERE classid = 'pg_namespace'::regclass)
