-- The maker of the devices that the plugin speaks with.
INSERT INTO manufacturers (type, name, website, api_name)
SELECT 'shs', 'Demo SHS Manufacturer', NULL, 'DemoShsManufacturerApi'
WHERE NOT EXISTS (SELECT FROM manufacturers WHERE api_name = 'DemoShsManufacturerApi');
