-- What `mpm_ops.postgres.doctor` asks; each row is a deviation: who or what it is about, what is wrong, what puts it
-- right. `readers` are the groups through which analysts read; an analyst is a login that is a member of one. The
-- login that asks is none: it may have made short-lived logins, which it is a member of then.

-- section: server
WITH RECURSIVE reader AS MATERIALIZED (
    SELECT oid, rolname, regexp_replace(rolname, '_[a-z]+$', '') AS home FROM pg_roles WHERE rolname ~ {readers}
), chain (analyst, role) AS (
    SELECT m.member, m.roleid FROM pg_auth_members m
    UNION SELECT c.analyst, m.roleid FROM pg_auth_members m JOIN chain c ON c.role = m.member
), analyst AS MATERIALIZED (
    SELECT r.* FROM pg_roles r
    WHERE r.rolcanlogin AND r.rolname <> session_user
      AND EXISTS (SELECT FROM chain c JOIN reader ON reader.oid = c.role WHERE c.analyst = r.oid)
), reach AS MATERIALIZED (
    SELECT a.oid AS analyst, a.oid AS role FROM analyst a
    UNION SELECT c.analyst, c.role FROM chain c JOIN analyst a ON a.oid = c.analyst
), acl AS MATERIALIZED (
    SELECT d.datname, d.oid, a.grantee, a.privilege_type AS privilege
    FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a
    WHERE d.datallowconn OR d.datname ~ {ours}
)
SELECT a.rolname AS subject, format('the analyst %s is allowed to %s', a.rolname, power.what) AS what,
       format('ALTER ROLE %I %s', a.rolname, power.fix) AS fix
FROM analyst a, LATERAL (VALUES
    (a.rolsuper, 'do everything (superuser)', 'NOSUPERUSER'), (a.rolcreaterole, 'make roles', 'NOCREATEROLE'),
    (a.rolcreatedb, 'make databases', 'NOCREATEDB'), (a.rolreplication, 'copy the whole server', 'NOREPLICATION'),
    (a.rolbypassrls, 'pass by row security', 'NOBYPASSRLS'),
    (a.rolconnlimit < 0, 'open any number of connections', 'CONNECTION LIMIT 16')
) AS power (held, what, fix) WHERE power.held
UNION ALL
SELECT DISTINCT a.rolname, format('the analyst %s can act as %s', a.rolname, strong.rolname),
       format('REVOKE %I FROM %I', strong.rolname, m.member::regrole::text)
FROM reach r JOIN analyst a ON a.oid = r.analyst JOIN pg_auth_members m ON m.member = r.role
JOIN pg_roles strong ON strong.oid = m.roleid
WHERE strong.rolsuper OR strong.rolname ~ '^pg_' OR strong.rolname ~ {strong}
UNION ALL
SELECT a.rolname, format('the analyst %s can let others into %s', a.rolname, g.rolname),
       format('REVOKE ADMIN OPTION FOR %I FROM %I', g.rolname, a.rolname)
FROM pg_auth_members m JOIN analyst a ON a.oid = m.member JOIN reader g ON g.oid = m.roleid WHERE m.admin_option
UNION ALL
SELECT datname, format('everybody may %s', string_agg(
           CASE privilege WHEN 'CONNECT' THEN 'connect to it' WHEN 'CREATE' THEN 'make schemas in it'
                ELSE 'make temporary tables in it' END, ' and ' ORDER BY privilege)),
       format('REVOKE ALL ON DATABASE %I FROM PUBLIC', datname)
FROM acl WHERE grantee = 0 GROUP BY datname
UNION ALL
SELECT acl.datname, format('%s may %s it, and reads only', r.rolname,
           CASE acl.privilege WHEN 'CREATE' THEN 'make schemas in' ELSE 'make temporary tables in' END),
       format('REVOKE %s ON DATABASE %I FROM %I', acl.privilege, acl.datname, r.rolname)
FROM acl JOIN (SELECT oid, rolname FROM reader UNION SELECT oid, rolname FROM analyst) AS r ON r.oid = acl.grantee
WHERE acl.privilege IN ('CREATE', 'TEMPORARY')
UNION ALL
SELECT acl.datname, format('%s may connect to it, and belongs elsewhere', r.rolname),
       format('REVOKE CONNECT ON DATABASE %I FROM %I', acl.datname, r.rolname)
FROM acl JOIN (SELECT oid, rolname, home FROM reader UNION ALL SELECT oid, rolname, {central} FROM analyst) AS r
    ON r.oid = acl.grantee
WHERE acl.privilege = 'CONNECT' AND acl.datname NOT IN (r.home, r.home || '_new', {central})
ORDER BY 1, 2

-- section: database
WITH RECURSIVE reader AS MATERIALIZED (
    SELECT oid FROM pg_roles WHERE rolname ~ {readers}
), chain (analyst, role) AS (
    SELECT m.member, m.roleid FROM pg_auth_members m
    UNION SELECT c.analyst, m.roleid FROM pg_auth_members m JOIN chain c ON c.role = m.member
), weak AS MATERIALIZED (
    SELECT 0::oid AS oid, 'everybody' AS name, 'PUBLIC' AS ident
    UNION ALL
    SELECT r.oid, r.rolname, quote_ident(r.rolname) FROM pg_roles r
    WHERE r.oid IN (SELECT oid FROM reader) OR r.rolcanlogin AND NOT r.rolsuper AND r.rolname <> session_user
      AND EXISTS (SELECT FROM chain c JOIN reader ON reader.oid = c.role WHERE c.analyst = r.oid)
), space AS MATERIALIZED (
    SELECT n.* FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
), brought AS MATERIALIZED (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), listed AS MATERIALIZED (
    -- What is masked is read by itself only with a grant of personal data.
    SELECT l.name, l.value, w.oid AS reader FROM jsonb_each({listed}) AS l (name, value) CROSS JOIN weak w
    WHERE w.name LIKE '%\_personal' OR NOT {masked}::jsonb ? l.name
)
SELECT s.nspname::text || '.' || c.relname AS subject,
       format('%s may %s it', w.name, lower(string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type))) AS what,
       format('REVOKE %s ON %I.%I FROM %s', string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type),
              s.nspname, c.relname, w.ident) AS fix
FROM pg_class c JOIN space s ON s.oid = c.relnamespace, aclexplode(c.relacl) AS a JOIN weak w ON w.oid = a.grantee
WHERE (a.privilege_type <> 'SELECT' OR w.oid = 0)
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
  AND a.privilege_type = 'SELECT' AND l.value IS DISTINCT FROM '[]'
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
WHERE a.privilege_type = 'SELECT' AND w.oid <> 0 AND NOT (c.relkind = 'v' AND {masked}::jsonb ? c.relname)
UNION ALL
SELECT s.nspname::text, format('%s may %s', w.name,
           CASE a.privilege_type WHEN 'CREATE' THEN 'make tables in it' ELSE 'look into it' END),
       format('REVOKE %s ON SCHEMA %I FROM %s', a.privilege_type, s.nspname, w.ident)
FROM space s, aclexplode(coalesce(s.nspacl, acldefault('n', s.nspowner))) AS a JOIN weak w ON w.oid = a.grantee
WHERE a.privilege_type = 'CREATE' OR w.oid = 0
UNION ALL
SELECT p.oid::regprocedure::text, format('%s may run it%s', w.name,
           CASE WHEN p.prosecdef THEN ', with the rights of ' || p.proowner::regrole ELSE '' END),
       format('REVOKE EXECUTE ON ROUTINE %s FROM %s', p.oid::regprocedure, w.ident)
FROM pg_proc p JOIN space s ON s.oid = p.pronamespace,
     aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a JOIN weak w ON w.oid = a.grantee
WHERE NOT EXISTS (SELECT FROM brought b WHERE b.classid = 'pg_proc'::regclass AND b.objid = p.oid)
UNION ALL
SELECT s.nspname || '.' || c.relname, format('%s, who reads only, owns it', w.name),
       format('ALTER TABLE %I.%I OWNER TO %I', s.nspname, c.relname, {owner})
FROM pg_class c JOIN space s ON s.oid = c.relnamespace JOIN weak w ON w.oid = c.relowner
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
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
