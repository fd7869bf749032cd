-- The maker of the devices that the plugin speaks with.
INSERT INTO manufacturers (type, name, website, api_name)
SELECT 'meter', 'Stron Meters', NULL, 'StronMeterApi'
WHERE NOT EXISTS (SELECT FROM manufacturers WHERE api_name = 'StronMeterApi');

-- One row, to be filled in.
INSERT INTO stron_api_credentials (created_at)
SELECT now() WHERE NOT EXISTS (SELECT FROM stron_api_credentials);
