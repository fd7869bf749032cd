-- One row, to be filled in.
INSERT INTO africas_talking_credentials (created_at)
SELECT now() WHERE NOT EXISTS (SELECT FROM africas_talking_credentials);
