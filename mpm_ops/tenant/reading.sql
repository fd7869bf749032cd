-- masks: views that mask, in the schema `masked` under the tables' own names. Run by the owner, as the body of a DO.
-- The specification is a JSON object: for each table its columns (none means all of them) and the masks of some.
-- What the database does not have (yet, or any more) is passed over: the list belongs to the newest revision. A view
-- that is as it should be is left alone, so that nobody who reads it is waited for. A mask that does not fit a column's
-- type shows nothing. The views are security barriers: no function in a question sees a row before it is masked.
DECLARE
    view record;
    -- Hashed twice with the key, as HMAC does: equal values are equal in this company, and nobody can try values out.
    pseudonym CONSTANT text := $$left(encode(sha256((SELECT key FROM masked.key) || sha256((SELECT key FROM masked.key)
        || convert_to(lower(%1$I::text), 'UTF8'))), 'hex'), 16)::%2$s AS %1$I$$;
BEGIN
    CREATE SCHEMA IF NOT EXISTS masked;
    CREATE TABLE IF NOT EXISTS masked.key (key bytea NOT NULL);
    FOR view IN
        SELECT given.name, to_regclass(format('masked.%I', given.name)) AS found,
               CASE WHEN spec.masks <> '{{}}' AND shown.columns IS NOT NULL THEN
                   format('WITH (security_barrier) AS SELECT %s FROM %s', shown.columns, c.oid::regclass)
               END AS definition
        FROM jsonb_each({specification}) AS given (name, value)
        CROSS JOIN LATERAL jsonb_to_record(given.value) AS spec (columns jsonb, masks jsonb)
        LEFT JOIN pg_class c
            ON c.relname = given.name AND c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        CROSS JOIN LATERAL (
            SELECT string_agg(
                format(
                    CASE
                        WHEN NOT spec.masks ? a.attname THEN '%1$I'
                        WHEN mask = 'pseudonym' AND t.typcategory = 'S' THEN pseudonym
                        WHEN mask = 'year' AND t.typcategory = 'D' THEN $$date_trunc('year', %1$I)::%2$s AS %1$I$$
                        WHEN mask = 'coarse' AND t.typcategory = 'N' THEN $$round(%1$I::numeric, 1)::%2$s AS %1$I$$
                        WHEN mask = 'hidden' AND t.typcategory = 'S'
                            THEN $$CASE WHEN %1$I IS NOT NULL THEN 'hidden'::%2$s END AS %1$I$$
                        WHEN mask = 'hidden' AND t.typname IN ('json', 'jsonb')
                            THEN $$CASE WHEN %1$I IS NOT NULL THEN '"hidden"'::%2$s END AS %1$I$$
                        WHEN mask = 'place'
                            THEN $$CASE WHEN owner_type IN ('mini-grid', 'cluster', 'city') THEN %1$I END AS %1$I$$
                        ELSE 'NULL::%2$s AS %1$I'
                    END,
                    a.attname, format_type(a.atttypid, a.atttypmod)
                ), ', ' ORDER BY a.attnum
            ) AS columns
            FROM pg_attribute a
            JOIN pg_type t ON t.oid = a.atttypid
            CROSS JOIN LATERAL (SELECT spec.masks ->> a.attname AS mask) AS named
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
              AND (spec.columns = '[]' OR spec.columns ? a.attname)
        ) AS shown
    LOOP
        CONTINUE WHEN obj_description(view.found, 'pg_class') IS NOT DISTINCT FROM md5(view.definition);
        EXECUTE format('DROP VIEW IF EXISTS masked.%I', view.name);
        CONTINUE WHEN view.definition IS NULL;
        EXECUTE format('CREATE VIEW masked.%I %s', view.name, view.definition);
        EXECUTE format('COMMENT ON VIEW masked.%I IS %L', view.name, md5(view.definition));
    END LOOP;
END

-- unlisted: the views go whose tables are not on the list any more, as one that a package took off its own.
DECLARE
    view record;
BEGIN
    FOR view IN
        SELECT c.oid::regclass AS name FROM pg_class c
        WHERE c.relnamespace = to_regnamespace('masked') AND c.relkind = 'v' AND c.relname <> ALL ({tables}::text[])
    LOOP
        EXECUTE format('DROP VIEW %s', view.name);
    END LOOP;
END

-- grants: SELECT for the personal group on the tables; for the read group on the views where something is masked.
DECLARE
    listed record;
BEGIN
    FOR listed IN
        SELECT c.oid::regclass AS relation, to_regclass(format('masked.%I', c.relname)) AS view,
               spec.masks <> '{{}}' AS masked,
               CASE WHEN spec.columns <> '[]' THEN (
                   SELECT format(' (%s)', string_agg(quote_ident(a.attname), ', ')) FROM pg_attribute a
                   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND spec.columns ? a.attname
               ) ELSE '' END AS columns
        FROM jsonb_each({specification}) AS given (name, value)
        CROSS JOIN LATERAL jsonb_to_record(given.value) AS spec (columns jsonb, masks jsonb)
        JOIN pg_class c ON c.relname = given.name AND c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    LOOP
        CONTINUE WHEN listed.columns = ' ()';
        IF listed.masked THEN
            EXECUTE format('REVOKE SELECT ON %s FROM %I, %I', listed.relation, {read}, {personal});
            EXECUTE format('GRANT SELECT%s ON %s TO %I', listed.columns, listed.relation, {personal});
            EXECUTE format('GRANT SELECT ON %s TO %I', listed.view, {read});
        ELSE
            EXECUTE format('GRANT SELECT%s ON %s TO %I, %I', listed.columns, listed.relation, {read}, {personal});
        END IF;
    END LOOP;
END
