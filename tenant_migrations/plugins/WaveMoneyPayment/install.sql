-- One row, to be filled in.
INSERT INTO wave_money_credentials (created_at)
SELECT now() WHERE NOT EXISTS (SELECT FROM wave_money_credentials);
