"""What an analyst of one company may try: by family, as SQL that goes to the server as it is.

{me} is the login, {db} and {other} are the databases of its company and of another, {read}, {app} and {owner} roles.
"""

from __future__ import annotations

from typing import Final

WRITES = """
INSERT INTO people (name, surname) VALUES ('x', 'y')
UPDATE people SET name = 'x'
UPDATE public.people SET name = 'x'
UPDATE masked.people SET name = 'x'
DELETE FROM people
DELETE FROM meters
TRUNCATE people
TRUNCATE public.people CASCADE
WITH gone AS (DELETE FROM public.people RETURNING *) SELECT * FROM gone
WITH new AS (INSERT INTO meters (serial_number) VALUES ('x') RETURNING *) SELECT * FROM new
WITH changed AS (UPDATE meters SET serial_number = 'x' RETURNING *) SELECT * FROM changed
MERGE INTO meters AS m USING (SELECT 1 AS one) AS s ON true WHEN MATCHED THEN DELETE
SELECT * INTO copied FROM meters
SELECT * INTO TEMP copied FROM meters
CREATE TABLE mine (a int)
CREATE TEMP TABLE mine (a int)
CREATE TABLE masked.mine (a int)
CREATE VIEW mine AS SELECT 1
CREATE TEMP VIEW people AS SELECT 1
CREATE SCHEMA mine
CREATE SEQUENCE mine
CREATE INDEX ON meters (id)
CREATE MATERIALIZED VIEW mine AS SELECT 1
ALTER TABLE meters ADD COLUMN x int
DROP TABLE meters CASCADE
DROP VIEW masked.people
COMMENT ON TABLE meters IS 'x'
GRANT SELECT ON meters TO PUBLIC
SELECT nextval('people_id_seq')
SELECT setval('people_id_seq', 1)
SELECT * FROM meters FOR UPDATE
SELECT * FROM public.people FOR SHARE
UPDATE alembic_version SET version_num = 'x'
UPDATE pg_catalog.pg_class SET relname = 'x'
UPDATE pg_settings SET setting = 'off' WHERE name = 'default_transaction_read_only'
COPY meters FROM STDIN
COPY (SELECT 1) TO '/tmp/mpm_attack'
ANALYZE meters
VACUUM meters
REINDEX TABLE meters
CLUSTER meters
REFRESH MATERIALIZED VIEW meters
INSERT INTO masked.key VALUES ('x')
DELETE FROM masked.key
"""
ESCAPES = """
BEGIN READ WRITE; DELETE FROM meters; COMMIT
COMMIT; DELETE FROM meters
ROLLBACK; BEGIN; DELETE FROM public.people; COMMIT
SET TRANSACTION READ WRITE; DELETE FROM meters
SET default_transaction_read_only = off; DELETE FROM meters
SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE; DELETE FROM meters
SELECT set_config('transaction_read_only', 'off', false)
SELECT set_config('default_transaction_read_only', 'off', false)
SELECT 1; SELECT 2
SELECT 1; DROP TABLE meters
SELECT 1;;DELETE FROM meters
SAVEPOINT a; DELETE FROM meters
PREPARE TRANSACTION 'x'
COMMIT PREPARED 'x'
DECLARE c CURSOR WITH HOLD FOR SELECT * FROM meters
CLOSE ALL
FETCH ALL FROM mpm
MOVE FORWARD ALL IN mpm
PREPARE p AS DELETE FROM meters; EXECUTE p
EXPLAIN ANALYZE DELETE FROM meters
EXPLAIN (ANALYZE) CREATE TABLE mine AS SELECT 1
RESET ALL; DELETE FROM meters
DISCARD ALL
/* */ DELETE FROM meters
-- x\\nDELETE FROM meters
(DELETE FROM meters)
CALL pg_catalog.lo_unlink(1)
"""
FILES = """
COPY meters TO PROGRAM 'id'
COPY meters FROM PROGRAM 'id'
COPY meters TO '/tmp/mpm_attack'
SELECT pg_read_file('PG_VERSION')
SELECT pg_read_binary_file('PG_VERSION')
SELECT pg_ls_dir('.')
SELECT * FROM pg_ls_logdir()
SELECT * FROM pg_ls_waldir()
SELECT pg_stat_file('PG_VERSION')
SELECT pg_current_logfile()
SELECT * FROM pg_hba_file_rules
SELECT * FROM pg_file_settings
SELECT pg_reload_conf()
SELECT pg_rotate_logfile()
SELECT pg_switch_wal()
SELECT pg_create_restore_point('x')
SELECT pg_backup_start('x')
LOAD 'auto_explain'
CHECKPOINT
CREATE TABLESPACE x LOCATION '/tmp'
"""
LARGE_OBJECTS = """
SELECT lo_creat(-1)
SELECT lo_create(4711)
SELECT lo_from_bytea(4712, 'x')
SELECT lo_import('/etc/passwd')
SELECT lo_export(1, '/tmp/mpm_attack')
SELECT lo_unlink(1)
SELECT lo_open(1, 131072)
SELECT lo_get(1)
SELECT lo_put(1, 0, 'x')
SELECT lo_truncate(1, 1)
SELECT * FROM pg_largeobject
ALTER LARGE OBJECT 1 OWNER TO CURRENT_USER
"""
ROLES = """
SET ROLE {owner}
SET ROLE {app}
SET SESSION AUTHORIZATION postgres
SELECT set_config('role', '{owner}', false)
SELECT set_config('role', '{app}', true)
GRANT {owner} TO {me}
GRANT {app} TO {me}
GRANT {read} TO PUBLIC
GRANT pg_read_all_data TO {me}
CREATE ROLE mine
CREATE USER mine SUPERUSER
ALTER ROLE {me} SUPERUSER
ALTER ROLE {me} CONNECTION LIMIT -1
ALTER ROLE {me} VALID UNTIL 'infinity'
ALTER ROLE {read} LOGIN
ALTER ROLE {owner} LOGIN PASSWORD 'x'
ALTER ROLE ALL SET work_mem = '1GB'
ALTER DATABASE {db} SET work_mem = '1GB'
ALTER DATABASE {db} OWNER TO {me}
ALTER DATABASE {other} RENAME TO mine
ALTER SYSTEM SET work_mem = '1GB'
SET temp_file_limit = -1
SET log_statement = 'none'
SET session_replication_role = replica
SET session_preload_libraries = 'x'
DROP ROLE {read}
DROP OWNED BY {read}
REASSIGN OWNED BY {owner} TO {me}
DROP DATABASE {other}
CREATE DATABASE mine
CREATE DATABASE mine TEMPLATE {other}
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT ON TABLES TO {me}
SELECT rolname, rolpassword FROM pg_authid
SELECT * FROM pg_shadow
"""
OTHERS = """
SELECT * FROM {other}.public.people
SELECT datname FROM pg_database
SELECT * FROM pg_stat_database
SELECT * FROM pg_stat_activity
SELECT usename, query FROM pg_stat_get_activity(NULL)
SELECT * FROM pg_roles
SELECT * FROM pg_user
SELECT * FROM pg_auth_members
SELECT * FROM pg_db_role_setting
SELECT * FROM pg_shdescription
SELECT max(shobj_description(d, 'pg_database')) FROM generate_series(16384, 40000) AS d
SELECT * FROM pg_shdepend
SELECT * FROM pg_locks
SELECT pg_lock_status()
SELECT * FROM pg_prepared_xacts
SELECT * FROM pg_replication_slots
SELECT * FROM pg_stat_replication
SELECT pg_database_size('{other}')
SELECT pg_database_size(d) FROM generate_series(16384, 40000) AS d
SELECT pg_describe_object('pg_database'::regclass, d, 0) FROM generate_series(16384, 17000) AS d
SELECT pg_identify_object('pg_database'::regclass, d, 0) FROM generate_series(16384, 17000) AS d
SELECT pg_stat_get_db_numbackends(d) FROM generate_series(16384, 40000) AS d
SELECT pg_stat_get_backend_activity(n) FROM generate_series(1, 100) AS n
SELECT pg_tablespace_databases(1663)
SELECT * FROM pg_tablespace
SELECT pg_terminate_backend({victim})
SELECT pg_cancel_backend({victim})
SELECT pg_blocking_pids({victim})
SELECT pg_log_backend_memory_contexts({victim})
SELECT * FROM pg_stat_progress_vacuum
SELECT * FROM dblink('dbname={other}', 'SELECT name FROM people') AS t (n text)
CREATE EXTENSION dblink
CREATE EXTENSION postgres_fdw
CREATE SERVER mine FOREIGN DATA WRAPPER postgres_fdw
CREATE SUBSCRIPTION mine CONNECTION 'dbname={other}' PUBLICATION p
CREATE PUBLICATION mine FOR ALL TABLES
SELECT * FROM pg_stat_ssl
SELECT * FROM pg_stat_statements
SELECT * FROM information_schema.role_table_grants
SELECT * FROM information_schema.enabled_roles
"""
SECRETS = """
SELECT password FROM users
SELECT * FROM users
SELECT users FROM users
SELECT to_json(users) FROM users
SELECT row_to_json(u) FROM public.users u
SELECT u.*::text FROM public.users u
TABLE users
TABLE password_resets
SELECT remember_token FROM users
SELECT mobile_device_id FROM public.agents
SELECT * FROM public.agents
SELECT token FROM sms_android_settings
SELECT * FROM public.people
SELECT name FROM public.people
SELECT p.name FROM public.people p JOIN meters m ON true
SELECT phone FROM public.addresses
SELECT * FROM masked.key
SELECT key FROM masked.key
SELECT masked.people.*, (SELECT key FROM masked.key) FROM masked.people
SELECT most_common_vals FROM pg_stats WHERE tablename = 'people'
SELECT * FROM pg_statistic
SELECT query_to_xml('SELECT password FROM users', true, false, '')
SELECT table_to_xml('users', true, false, '')
SELECT database_to_xml(true, false, '')
SELECT schema_to_xml('public', true, false, '')
SELECT * FROM ts_stat('SELECT to_tsvector(password) FROM users')
SELECT ts_rewrite('a'::tsquery, 'SELECT password::tsquery, password::tsquery FROM users')
SELECT name FROM masked.people WHERE 1 / (CASE WHEN name = 'Ada Canary' THEN 0 ELSE 1 END) = 1
SELECT has_table_privilege('users', 'SELECT'), col_description('users'::regclass, 1)
SELECT pg_get_viewdef('masked.people'::regclass)
SELECT * FROM alembic_version
"""
RESOURCES = """
SELECT pg_advisory_lock(1)
SELECT pg_try_advisory_lock(i) FROM generate_series(1, 100000) AS i
SELECT pg_advisory_xact_lock_shared(i) FROM generate_series(1, 100000) AS i
LOCK TABLE meters IN ACCESS EXCLUSIVE MODE
LOCK TABLE meters IN ACCESS SHARE MODE
LOCK TABLE public.people IN ROW EXCLUSIVE MODE
SELECT pg_sleep(3600)
SELECT pg_sleep_for('1 hour')
SELECT pg_sleep_until('infinity')
SET statement_timeout = 0; SELECT count(*) FROM generate_series(1, 100000000000)
SELECT count(*) FROM generate_series(1, 100000000000)
SET work_mem = '1000GB'; SELECT count(DISTINCT i) FROM generate_series(1, 3000000) AS i
SELECT repeat('x', 1000000000)
SELECT i, repeat('x', 1000) FROM generate_series(1, 10000000) AS i
WITH RECURSIVE r (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT count(*) FROM r
SELECT count(*) FROM pg_class a, pg_class b, pg_class c, pg_class d
SELECT 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab' ~ '((a*)*)*c'
SELECT array_agg(repeat('x', 100000)) FROM generate_series(1, 9000)
SET max_parallel_workers_per_gather = 1000
SELECT pg_export_snapshot()
"""
CODE = """
DO 'BEGIN DELETE FROM meters; END'
DO LANGUAGE plpgsql 'BEGIN PERFORM 1; END'
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'
CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; SELECT pg_temp.f()
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN 1; END'
CREATE PROCEDURE p() LANGUAGE sql AS 'DELETE FROM meters'
CREATE AGGREGATE a (int) (SFUNC = int4pl, STYPE = int)
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)
CREATE CAST (int AS text) WITH INOUT
CREATE TRIGGER t BEFORE INSERT ON meters EXECUTE FUNCTION suppress_redundant_updates_trigger()
CREATE RULE r AS ON SELECT TO meters DO INSTEAD SELECT 1
CREATE POLICY p ON meters
CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION f()
CREATE EXTENSION plpython3u
CREATE EXTENSION hstore
CREATE LANGUAGE plperlu
CREATE DOMAIN d AS text CHECK (VALUE <> '')
CREATE TYPE mood AS ENUM ('x')
CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = simple)
ALTER FUNCTION pg_catalog.now() COST 1
SELECT by_owner()
CALL by_owner_procedure()
"""
SIDE_CHANNELS = """
NOTIFY jobs, 'x'
SELECT pg_notify('jobs', 'x')
LISTEN jobs
UNLISTEN *
SELECT pg_logical_emit_message(false, 'x', 'y')
SELECT txid_current()
SELECT pg_current_xact_id()
SELECT pg_create_logical_replication_slot('x', 'pgoutput')
SELECT pg_create_physical_replication_slot('x')
SELECT pg_replication_origin_create('x')
SELECT pg_stat_reset()
SELECT pg_stat_reset_shared('bgwriter')
SELECT pg_advisory_unlock_all()
SECURITY LABEL ON TABLE meters IS 'x'
SELECT pg_promote()
SELECT pg_wal_replay_pause()
"""

FAMILIES: Final = {
    "writes": WRITES,
    "escapes": ESCAPES,
    "files and programs": FILES,
    "large objects": LARGE_OBJECTS,
    "roles and settings": ROLES,
    "other companies": OTHERS,
    "secrets": SECRETS,
    "resources": RESOURCES,
    "code": CODE,
    "side channels": SIDE_CHANNELS,
}
ATTACKS: Final = [
    (family, line.replace("\\n", "\n")) for family, lines in FAMILIES.items() for line in lines.strip().splitlines()
]
