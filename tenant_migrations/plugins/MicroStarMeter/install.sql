-- The maker of the devices that the plugin speaks with.
INSERT INTO manufacturers (type, name, website, api_name)
SELECT 'meter', 'MicroStar Meters', NULL, 'MicroStarMeterApi'
WHERE NOT EXISTS (SELECT FROM manufacturers WHERE api_name = 'MicroStarMeterApi');

-- One row, to be filled in.
INSERT INTO micro_star_api_credentials (created_at)
SELECT now() WHERE NOT EXISTS (SELECT FROM micro_star_api_credentials);
