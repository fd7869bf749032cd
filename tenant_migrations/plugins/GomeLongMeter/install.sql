-- The maker of the devices that the plugin speaks with.
INSERT INTO manufacturers (type, name, website, api_name)
SELECT 'meter', 'GomeLong Meters', NULL, 'GomeLongMeterApi'
WHERE NOT EXISTS (SELECT FROM manufacturers WHERE api_name = 'GomeLongMeterApi');

-- One row, to be filled in.
INSERT INTO gome_long_api_credentials (created_at)
SELECT now() WHERE NOT EXISTS (SELECT FROM gome_long_api_credentials);
