-- One row, to be filled in.
INSERT INTO safaricom_credentials (created_at)
SELECT now() WHERE NOT EXISTS (SELECT FROM safaricom_credentials);
