-- One row, to be filled in.
INSERT INTO prospect_credentials (created_at)
SELECT now() WHERE NOT EXISTS (SELECT FROM prospect_credentials);
