-- One row, to be filled in.
INSERT INTO vodacom_mz_credentials (created_at)
SELECT now() WHERE NOT EXISTS (SELECT FROM vodacom_mz_credentials);
