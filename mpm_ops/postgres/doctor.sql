-- What `mpm_ops.postgres.doctor` asks; each row is a deviation: who or what it is about, what is wrong, what puts it
-- right.

-- section: roles
-- Stands before `server` and `database`. Whose rights are looked at: everybody, the groups through which analysts read,
-- and the analysts: logins that are named so, or that are a member of a group by whatever way. The login that asks is
-- none: it may have made short-lived logins, which it is a member of then.
WITH RECURSIVE chain (login, role) AS (
    SELECT m.member, m.roleid FROM pg_auth_members m
    UNION SELECT c.login, m.roleid FROM pg_auth_members m JOIN chain c ON c.role = m.member
), weak AS MATERIALIZED (
    SELECT 0::oid AS oid, 'everybody' AS name, 'PUBLIC' AS ident, false AS is_group
    UNION ALL
    SELECT r.oid, r.rolname, quote_ident(r.rolname), r.rolname ~ {groups} FROM pg_roles r
    WHERE r.rolname ~ {groups} OR r.rolcanlogin AND r.rolname <> session_user
      AND (r.rolname ~ {analysts} OR EXISTS (
          SELECT FROM chain c JOIN pg_roles g ON g.oid = c.role WHERE c.login = r.oid AND g.rolname ~ {groups}
      ))
)

-- section: server
, acl AS MATERIALIZED (
    SELECT d.datname, a.grantee, a.privilege_type AS privilege
    FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a
    WHERE (d.datallowconn OR d.datname ~ {ours}) AND a.grantee <> d.datdba
)
SELECT w.name AS subject, format('%s, who reads only, is allowed to %s', w.name, power.what) AS what,
       format('ALTER ROLE %s %s', w.ident, power.fix) AS fix
FROM weak w JOIN pg_roles r ON r.oid = w.oid, LATERAL (VALUES
    (r.rolsuper, 'do everything (superuser)', 'NOSUPERUSER'), (r.rolcreaterole, 'make roles', 'NOCREATEROLE'),
    (r.rolcreatedb, 'make databases', 'NOCREATEDB'), (r.rolreplication, 'copy the whole server', 'NOREPLICATION'),
    (r.rolbypassrls, 'pass by row security', 'NOBYPASSRLS'), (w.is_group AND r.rolcanlogin, 'log in', 'NOLOGIN'),
    (r.rolcanlogin AND r.rolconnlimit < 0, 'open any number of connections', 'CONNECTION LIMIT 16')
) AS power (held, what, fix) WHERE power.held
UNION ALL
-- A group is a member of nothing, and a login of groups only; a session that writes also of its company's application.
SELECT w.name, format('%s, who reads only, can act as %s', w.name, r.rolname),
       format('REVOKE %I FROM %s', r.rolname, w.ident)
FROM pg_auth_members m JOIN weak w ON w.oid = m.member JOIN pg_roles r ON r.oid = m.roleid
WHERE w.is_group OR NOT r.rolname ~ {groups} AND r.rolname <> regexp_replace(w.name, '_login_\w+$', '_app')
UNION ALL
SELECT w.name, format('%s, who reads only, can let others into %s', w.name, r.rolname),
       format('REVOKE ADMIN OPTION FOR %I FROM %s', r.rolname, w.ident)
FROM pg_auth_members m JOIN weak w ON w.oid = m.member JOIN pg_roles r ON r.oid = m.roleid WHERE m.admin_option
UNION ALL
SELECT datname, format('everybody may %s', string_agg(
           CASE privilege WHEN 'CONNECT' THEN 'connect to it' WHEN 'CREATE' THEN 'make schemas in it'
                ELSE 'make temporary tables in it' END, ' and ' ORDER BY privilege)),
       format('REVOKE ALL ON DATABASE %I FROM PUBLIC', datname)
FROM acl WHERE grantee = 0 GROUP BY datname
UNION ALL
SELECT acl.datname, format('%s may %s it, and reads only', w.name,
           CASE acl.privilege WHEN 'CREATE' THEN 'make schemas in' ELSE 'make temporary tables in' END),
       format('REVOKE %s ON DATABASE %I FROM %s', acl.privilege, acl.datname, w.ident)
FROM acl JOIN weak w ON w.oid = acl.grantee WHERE w.oid <> 0 AND acl.privilege <> 'CONNECT'
UNION ALL
SELECT acl.datname, format('%s may connect to it, and belongs elsewhere', w.name),
       format('REVOKE CONNECT ON DATABASE %I FROM %s', acl.datname, w.ident)
FROM acl JOIN weak w ON w.oid = acl.grantee, regexp_replace(w.name, '_[a-z]+$', '') AS home
WHERE w.oid <> 0 AND acl.privilege = 'CONNECT' AND acl.datname <> {central}
  AND NOT (w.is_group AND acl.datname IN (home, home || '_new'))
UNION ALL
SELECT d.datname, format('%s, who reads only, owns it', w.name), format('ALTER DATABASE %I OWNER TO %I', d.datname, {owner})
FROM pg_database d JOIN weak w ON w.oid = d.datdba
UNION ALL
SELECT p.parname, format('%s may set it', w.name), format('REVOKE ALL ON PARAMETER %s FROM %s', p.parname, w.ident)
FROM pg_parameter_acl p, aclexplode(p.paracl) AS a JOIN weak w ON w.oid = a.grantee
ORDER BY 1, 2

-- section: doors
-- By a superuser, who alone may know: whoever gets to such a line is whoever they say they are.
SELECT 'pg_hba.conf', format('line %s lets in everybody without a password, under any name', line_number),
       'Write scram-sha-256 for trust in that line, and then: SELECT pg_reload_conf()'
FROM pg_hba_file_rules WHERE auth_method = 'trust' ORDER BY line_number

-- section: database
, space AS MATERIALIZED (
    SELECT n.* FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
), brought AS MATERIALIZED (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), listed AS MATERIALIZED (
    -- By the company's own groups; what is masked is read by itself only with a grant of personal data.
    SELECT l.name, l.value, w.oid AS reader FROM jsonb_each({listed}) AS l (name, value) JOIN weak w
        ON w.name = current_database() || '_personal'
        OR w.name = current_database() || '_read' AND NOT {masked}::jsonb ? l.name
), catalog AS MATERIALIZED (
    -- What came with the server, as far as it has an ACL of its own by now.
    SELECT c.tableoid, c.oid, 0 AS part, c.relacl AS acl, c.oid::regclass::text AS name,
           format('%s ON %s', '%s', c.oid::regclass) AS privilege, NULL::aclitem[] AS usual
    FROM pg_class c WHERE c.relacl IS NOT NULL AND c.relnamespace = 'pg_catalog'::regnamespace
    UNION ALL
    SELECT c.tableoid, c.oid, t.attnum, t.attacl, format('%s.%s', c.oid::regclass, t.attname),
           format('%s (%I) ON %s', '%s', t.attname, c.oid::regclass), NULL
    FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid AND c.relnamespace = 'pg_catalog'::regnamespace
    WHERE t.attacl IS NOT NULL
    UNION ALL
    SELECT p.tableoid, p.oid, 0, p.proacl, p.oid::regprocedure::text, format('%s ON ROUTINE %s', '%s', p.oid::regprocedure),
           acldefault('f', p.proowner)
    FROM pg_proc p WHERE p.proacl IS NOT NULL AND p.pronamespace = 'pg_catalog'::regnamespace
    UNION ALL
    SELECT l.tableoid, l.oid, 0, l.lanacl, l.lanname, format('%s ON LANGUAGE %I', '%s', l.lanname), acldefault('l', l.lanowner)
    FROM pg_language l WHERE l.lanacl IS NOT NULL
)
SELECT s.nspname::text || '.' || c.relname AS subject,
       format('%s may %s it', w.name, lower(string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type))) AS what,
       format('REVOKE %s ON %I.%I FROM %s', string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type),
              s.nspname, c.relname, w.ident) AS fix
FROM pg_class c JOIN space s ON s.oid = c.relnamespace, aclexplode(c.relacl) AS a JOIN weak w ON w.oid = a.grantee
WHERE (a.privilege_type <> 'SELECT' OR w.oid = 0 OR s.nspname NOT IN ('public', 'masked')) AND w.oid <> c.relowner
  -- In the centre analysts have views of their own, and one that takes their questions in.
  AND NOT (s.nspname = 'granted' AND w.is_group
           AND a.privilege_type = CASE c.relname WHEN 'questions' THEN 'INSERT' ELSE 'SELECT' END)
  AND NOT EXISTS (SELECT FROM brought b WHERE b.classid = 'pg_class'::regclass AND b.objid = c.oid)
GROUP BY s.nspname, c.relname, w.name, w.ident
UNION ALL
SELECT s.nspname || '.' || c.relname || '.' || t.attname, format('%s may %s it', w.name, lower(a.privilege_type)),
       format('REVOKE %s (%I) ON %I.%I FROM %s', a.privilege_type, t.attname, s.nspname, c.relname, w.ident)
FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid JOIN space s ON s.oid = c.relnamespace,
     aclexplode(t.attacl) AS a JOIN weak w ON w.oid = a.grantee
WHERE a.privilege_type <> 'SELECT' OR w.oid = 0
UNION ALL
-- What may be read is a list in the repository: see mpm_ops/tenant/readable.py.
SELECT 'public.' || c.relname, format('%s may read all of it, and it is not on the list', w.name),
       format('REVOKE SELECT ON public.%I FROM %s', c.relname, w.ident)
FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) AS a JOIN weak w ON w.oid = a.grantee
LEFT JOIN listed l ON l.name = c.relname AND l.reader = w.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND w.oid <> 0
  AND a.privilege_type = 'SELECT' AND w.oid <> c.relowner AND l.value IS DISTINCT FROM '[]'
UNION ALL
SELECT 'public.' || c.relname || '.' || t.attname, format('%s may read it, and it is not on the list', w.name),
       format('REVOKE SELECT (%I) ON public.%I FROM %s', t.attname, c.relname, w.ident)
FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid AND c.relnamespace = 'public'::regnamespace
CROSS JOIN LATERAL aclexplode(t.attacl) AS a JOIN weak w ON w.oid = a.grantee
LEFT JOIN listed l ON l.name = c.relname AND l.reader = w.oid
WHERE a.privilege_type = 'SELECT' AND w.oid <> 0 AND NOT coalesce(l.value = '[]' OR l.value ? t.attname, false)
UNION ALL
SELECT 'masked.' || c.relname, format('%s may read it, and it masks nothing', w.name),
       format('REVOKE SELECT ON masked.%I FROM %s', c.relname, w.ident)
FROM pg_class c JOIN space s ON s.oid = c.relnamespace AND s.nspname = 'masked'
CROSS JOIN LATERAL aclexplode(c.relacl) AS a JOIN weak w ON w.oid = a.grantee
WHERE a.privilege_type = 'SELECT' AND w.oid NOT IN (0, c.relowner)
  AND NOT (c.relkind = 'v' AND {masked}::jsonb ? c.relname AND w.name = current_database() || '_read')
UNION ALL
SELECT 'masked.' || c.relname, 'it is no barrier: functions of a question see rows before they are masked',
       format('ALTER VIEW masked.%I SET (security_barrier)', c.relname)
FROM pg_class c JOIN space s ON s.oid = c.relnamespace AND s.nspname = 'masked'
WHERE c.relkind = 'v' AND NOT coalesce(c.reloptions && '{{security_barrier=true,security_barrier=on,security_barrier=1}}', false)
UNION ALL
SELECT s.nspname::text, format('%s may %s', w.name,
           CASE a.privilege_type WHEN 'CREATE' THEN 'make tables in it' ELSE 'look into it' END),
       format('REVOKE %s ON SCHEMA %I FROM %s', a.privilege_type, s.nspname, w.ident)
FROM space s, aclexplode(coalesce(s.nspacl, acldefault('n', s.nspowner))) AS a JOIN weak w ON w.oid = a.grantee
WHERE (a.privilege_type = 'CREATE' OR w.oid = 0) AND w.oid <> s.nspowner
UNION ALL
SELECT p.oid::regprocedure::text, format('%s may run it%s', w.name,
           CASE WHEN p.prosecdef THEN ', with the rights of ' || p.proowner::regrole ELSE '' END),
       format('REVOKE EXECUTE ON ROUTINE %s FROM %s', p.oid::regprocedure, w.ident)
FROM pg_proc p JOIN space s ON s.oid = p.pronamespace,
     aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a JOIN weak w ON w.oid = a.grantee
WHERE w.oid <> p.proowner
  AND NOT EXISTS (SELECT FROM brought b WHERE b.classid = 'pg_proc'::regclass AND b.objid = p.oid)
UNION ALL
SELECT 'dblink', format('%s may go to other databases and servers with it', w.name),
       format('REVOKE EXECUTE ON FUNCTION %s FROM %s', string_agg(p.oid::regprocedure::text, ', '), w.ident)
FROM pg_extension e JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid,
     aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a JOIN weak w ON w.oid = a.grantee
WHERE e.extname = 'dblink' GROUP BY w.name, w.ident
UNION ALL
SELECT f.name, format('%s may use it', w.name), format('REVOKE ALL ON %s %s FROM %s', f.kind, f.name, w.ident)
FROM (
    SELECT 'FOREIGN SERVER', quote_ident(srvname), srvacl, srvowner FROM pg_foreign_server
    UNION ALL SELECT 'FOREIGN DATA WRAPPER', quote_ident(fdwname), fdwacl, fdwowner FROM pg_foreign_data_wrapper
    UNION ALL SELECT 'LARGE OBJECT', oid::text, lomacl, lomowner FROM pg_largeobject_metadata
) AS f (kind, name, acl, owner), aclexplode(f.acl) AS a JOIN weak w ON w.oid = a.grantee WHERE w.oid <> f.owner
UNION ALL
SELECT k.name, format('%s may %s it, as no server comes', w.name, lower(a.privilege_type)),
       format('REVOKE %s FROM %s', format(k.privilege, a.privilege_type), w.ident)
FROM catalog k LEFT JOIN pg_init_privs i ON i.classoid = k.tableoid AND i.objoid = k.oid AND i.objsubid = k.part,
     aclexplode(k.acl) AS a JOIN weak w ON w.oid = a.grantee
WHERE NOT EXISTS (
    SELECT FROM aclexplode(coalesce(i.initprivs, k.usual)) AS u
    WHERE u.grantee = a.grantee AND u.privilege_type = a.privilege_type
)
UNION ALL
SELECT pg_describe_object(o.classid, o.objid, o.objsubid), format('%s, who reads only, owns it', w.name),
       format('REASSIGN OWNED BY %s TO %I', w.ident, {owner})
FROM pg_shdepend o JOIN pg_database d ON d.oid = o.dbid AND d.datname = current_database()
JOIN weak w ON o.refclassid = 'pg_authid'::regclass AND o.refobjid = w.oid
WHERE o.deptype = 'o' AND o.classid <> 'pg_default_acl'::regclass
UNION ALL
SELECT 'default privileges', format('what %s makes is open to %s', d.defaclrole::regrole, w.name),
       format('ALTER DEFAULT PRIVILEGES FOR ROLE %s %sREVOKE ALL ON %s FROM %s', d.defaclrole::regrole,
              'IN SCHEMA ' || nullif(d.defaclnamespace, 0)::regnamespace || ' ',
              CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
                   WHEN 'T' THEN 'TYPES' ELSE 'SCHEMAS' END, w.ident)
FROM pg_default_acl d, aclexplode(d.defaclacl) AS a JOIN weak w ON w.oid = a.grantee WHERE d.defaclobjtype <> 'T'
UNION ALL
SELECT 'functions to come', format('everybody may run what %I makes', {owner}),
       format('ALTER DEFAULT PRIVILEGES FOR ROLE %I REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC', {owner})
WHERE NOT EXISTS (
    SELECT FROM pg_default_acl d
    WHERE d.defaclrole = {owner}::regrole AND d.defaclobjtype = 'f' AND d.defaclnamespace = 0
      AND NOT EXISTS (SELECT FROM aclexplode(d.defaclacl) AS a WHERE a.grantee = 0)
)
ORDER BY 1, 2

-- section: strict
-- What `strict` takes from everybody and everybody has, counted: `mpm-ops harden` puts all of it right.
SELECT 'catalog', format('everybody may run %s functions that %s takes away, %s first', count(*), 'strict', min(p.proname)), ''
FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND p.proname ~ {functions} AND a.grantee = 0
HAVING count(*) > 0
UNION ALL
SELECT 'catalog', format('everybody may read %s views that strict takes away, %s first', count(*), min(c.relname)), ''
FROM pg_class c, aclexplode(c.relacl) AS a
WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relname ~ {views} AND a.grantee = 0
HAVING count(*) > 0
UNION ALL
SELECT 'catalog', format('everybody may write in %s', l.lanname), ''
FROM pg_language l, aclexplode(coalesce(l.lanacl, acldefault('l', l.lanowner))) AS a
WHERE a.grantee = 0 AND {languages}::jsonb ? l.lanname
UNION ALL
SELECT 'catalog', 'everybody may set settings by UPDATE pg_settings', ''
FROM pg_class c, aclexplode(c.relacl) AS a
WHERE c.oid = 'pg_settings'::regclass AND a.grantee = 0 AND a.privilege_type = 'UPDATE'
