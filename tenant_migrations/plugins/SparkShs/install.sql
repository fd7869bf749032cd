-- The maker of the devices that the plugin speaks with.
INSERT INTO manufacturers (type, name, website, api_name)
SELECT 'shs', 'Spark SHS', NULL, 'SparkShsApi'
WHERE NOT EXISTS (SELECT FROM manufacturers WHERE api_name = 'SparkShsApi');

-- One row, to be filled in.
INSERT INTO spark_shs_credentials (auth_url, api_url)
SELECT '', '' WHERE NOT EXISTS (SELECT FROM spark_shs_credentials);
