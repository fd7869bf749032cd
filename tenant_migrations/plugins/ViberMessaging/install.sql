-- One row, to be filled in.
INSERT INTO viber_credentials (created_at)
SELECT now() WHERE NOT EXISTS (SELECT FROM viber_credentials);
