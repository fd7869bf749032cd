-- The maker of the devices that the plugin speaks with.
INSERT INTO manufacturers (type, name, website, api_name)
SELECT 'shs', 'Sun King SHS', NULL, 'SunKingSHSApi'
WHERE NOT EXISTS (SELECT FROM manufacturers WHERE api_name = 'SunKingSHSApi');

-- One row, to be filled in.
INSERT INTO sun_king_api_credentials (auth_url, api_url)
SELECT '', '' WHERE NOT EXISTS (SELECT FROM sun_king_api_credentials);
