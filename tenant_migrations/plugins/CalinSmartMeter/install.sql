-- The maker of the devices that the plugin speaks with.
INSERT INTO manufacturers (type, name, website, api_name)
SELECT 'meter', 'Calin Smart Meters', 'http://www.calinmeter.com/', 'CalinSmartMeterApi'
WHERE NOT EXISTS (SELECT FROM manufacturers WHERE api_name = 'CalinSmartMeterApi');

-- One row, to be filled in.
INSERT INTO calin_smart_api_credentials (created_at)
SELECT now() WHERE NOT EXISTS (SELECT FROM calin_smart_api_credentials);
