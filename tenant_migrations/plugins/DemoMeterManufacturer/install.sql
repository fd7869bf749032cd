-- The maker of the devices that the plugin speaks with.
INSERT INTO manufacturers (type, name, website, api_name)
SELECT 'meter', 'Demo Meter Manufacturer', NULL, 'DemoMeterManufacturerApi'
WHERE NOT EXISTS (SELECT FROM manufacturers WHERE api_name = 'DemoMeterManufacturerApi');
