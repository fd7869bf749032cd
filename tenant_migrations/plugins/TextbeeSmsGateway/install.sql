-- One row, to be filled in.
INSERT INTO textbee_credentials (created_at)
SELECT now() WHERE NOT EXISTS (SELECT FROM textbee_credentials);
