-- The maker of the devices that the plugin speaks with.
INSERT INTO manufacturers (type, name, website, api_name)
SELECT 'shs', 'Angaza SHS', NULL, 'AngazaSHSApi'
WHERE NOT EXISTS (SELECT FROM manufacturers WHERE api_name = 'AngazaSHSApi');

-- One row, to be filled in.
INSERT INTO angaza_api_credentials (created_at)
SELECT now() WHERE NOT EXISTS (SELECT FROM angaza_api_credentials);
