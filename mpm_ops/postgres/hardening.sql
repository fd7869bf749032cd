-- What `mpm_ops.postgres.hardening` runs in one database, each section as the body of a DO. Again changes nothing.

-- section: strict
-- By a superuser: the catalog's own functions, views and languages are everybody's otherwise.
DECLARE
    found text;
BEGIN
    FOR found IN
        SELECT p.oid::regprocedure::text FROM pg_proc p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND p.proname ~ {functions}
          -- What initdb has closed already is the superuser's, and the owner must not get it from here.
          AND NOT EXISTS (SELECT FROM pg_init_privs i WHERE i.classoid = 'pg_proc'::regclass AND i.objoid = p.oid)
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', found);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I WITH GRANT OPTION', found, {owner});
    END LOOP;
    FOR found IN
        SELECT c.relname FROM pg_class c
        JOIN pg_init_privs i ON i.classoid = 'pg_class'::regclass AND i.objoid = c.oid AND i.objsubid = 0
        WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind IN ('r', 'v') AND c.relname ~ {views}
          AND EXISTS (SELECT FROM aclexplode(i.initprivs) a WHERE a.grantee = 0 AND a.privilege_type = 'SELECT')
    LOOP
        EXECUTE format('REVOKE SELECT ON pg_catalog.%I FROM PUBLIC', found);
        EXECUTE format('GRANT SELECT ON pg_catalog.%I TO %I', found, {owner});
    END LOOP;
    FOR found IN SELECT jsonb_array_elements_text({languages}) LOOP
        EXECUTE format('REVOKE USAGE ON LANGUAGE %I FROM PUBLIC', found);
        EXECUTE format('GRANT USAGE ON LANGUAGE %I TO %I', found, {owner});
    END LOOP;
    -- UPDATE of pg_settings is set_config by another name.
    REVOKE UPDATE ON pg_catalog.pg_settings FROM PUBLIC;
END

-- section: standard
-- By the owner: nothing in `public` is everybody's, nor a function that a migration will make. What an extension
-- brought stays: its operators would fail without their functions.
DECLARE
    found text;
BEGIN
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    -- Without IN SCHEMA: with it, this would do nothing.
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC', {owner});
    FOR found IN
        SELECT p.oid::regprocedure::text FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace
          AND NOT EXISTS (SELECT FROM pg_depend d
                          WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
    LOOP
        EXECUTE format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC', found);
    END LOOP;
END

-- section: application
-- By the owner, or a superuser: of what `strict` has taken from everybody, what an application needs. At `standard` there is nothing.
DECLARE
    found text;
BEGIN
    FOR found IN
        SELECT p.oid::regprocedure::text FROM pg_proc p, LATERAL aclexplode(p.proacl) AS a
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname ~ {functions}
          AND a.grantee = {owner}::regrole AND a.is_grantable
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', found, {app});
    END LOOP;
END
