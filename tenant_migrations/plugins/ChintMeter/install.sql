-- The maker of the devices that the plugin speaks with.
INSERT INTO manufacturers (type, name, website, api_name)
SELECT 'meter', 'Chint Meters', NULL, 'ChintMeterApi'
WHERE NOT EXISTS (SELECT FROM manufacturers WHERE api_name = 'ChintMeterApi');

-- One row, to be filled in.
INSERT INTO chint_api_credentials (created_at)
SELECT now() WHERE NOT EXISTS (SELECT FROM chint_api_credentials);
