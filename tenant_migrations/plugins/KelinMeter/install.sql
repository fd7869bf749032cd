-- The maker of the devices that the plugin speaks with.
INSERT INTO manufacturers (type, name, website, api_name)
SELECT 'meter', 'Kelin Meters', NULL, 'KelinMeterApi'
WHERE NOT EXISTS (SELECT FROM manufacturers WHERE api_name = 'KelinMeterApi');

-- One row, to be filled in.
INSERT INTO kelin_api_credentials (created_at)
SELECT now() WHERE NOT EXISTS (SELECT FROM kelin_api_credentials);

-- What is synchronised how often; an action says when it is due next.
WITH fresh AS (
    INSERT INTO kelin_sync_settings (action_name, sync_in_value_str, sync_in_value_num)
    VALUES
        ('Customers', 'day', 1),
        ('Meters', 'day', 1)
    ON CONFLICT (action_name) DO NOTHING
    RETURNING id, (sync_in_value_num || ' ' || sync_in_value_str)::interval AS every
), shown AS (
    INSERT INTO kelin_settings (setting_type, setting_id) SELECT 'kelin_sync_setting', id FROM fresh
)
INSERT INTO kelin_sync_actions (sync_setting_id, next_sync) SELECT id, now() + every FROM fresh;
