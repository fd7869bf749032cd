-- The maker of the devices that the plugin speaks with.
INSERT INTO manufacturers (type, name, website, api_name)
SELECT 'e-bike', 'Daly BMS', NULL, 'DalyBmsApi'
WHERE NOT EXISTS (SELECT FROM manufacturers WHERE api_name = 'DalyBmsApi');

-- One row, to be filled in.
INSERT INTO daly_bms_api_credentials (created_at)
SELECT now() WHERE NOT EXISTS (SELECT FROM daly_bms_api_credentials);
