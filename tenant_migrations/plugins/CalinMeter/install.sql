-- The maker of the devices that the plugin speaks with.
INSERT INTO manufacturers (type, name, website, api_name)
SELECT 'meter', 'Calin Meters', 'http://www.calinmeter.com/', 'CalinMeterApi'
WHERE NOT EXISTS (SELECT FROM manufacturers WHERE api_name = 'CalinMeterApi');

-- One row, to be filled in.
INSERT INTO calin_api_credentials (created_at)
SELECT now() WHERE NOT EXISTS (SELECT FROM calin_api_credentials);
