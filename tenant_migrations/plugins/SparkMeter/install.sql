-- The maker of the devices that the plugin speaks with.
INSERT INTO manufacturers (type, name, website, api_name)
SELECT 'meter', 'Spark Meters', 'https://www.sparkmeter.io/', 'SparkMeterApi'
WHERE NOT EXISTS (SELECT FROM manufacturers WHERE api_name = 'SparkMeterApi');

-- One row, to be filled in.
INSERT INTO sm_api_credentials (created_at)
SELECT now() WHERE NOT EXISTS (SELECT FROM sm_api_credentials);

-- What is synchronised how often; an action says when it is due next.
WITH fresh AS (
    INSERT INTO sm_sync_settings (action_name, sync_in_value_str, sync_in_value_num)
    VALUES
        ('Sites', 'day', 1),
        ('MeterModels', 'day', 1),
        ('Tariffs', 'day', 1),
        ('Customers', 'day', 1),
        ('Transactions', 'minute', 5),
        ('SalesAccounts', 'minute', 5)
    ON CONFLICT (action_name) DO NOTHING
    RETURNING id, (sync_in_value_num || ' ' || sync_in_value_str)::interval AS every
), shown AS (
    INSERT INTO sm_settings (setting_type, setting_id) SELECT 'sm_sync_setting', id FROM fresh
)
INSERT INTO sm_sync_actions (sync_setting_id, next_sync) SELECT id, now() + every FROM fresh;

-- Which SMS are sent, and up to how many minutes after what they tell of.
WITH fresh AS (
    INSERT INTO sm_sms_settings (state, not_send_elder_than_mins)
    VALUES ('Transactions', 30), ('Low Balance Warning', 60)
    ON CONFLICT (state) DO NOTHING
    RETURNING id
)
INSERT INTO sm_settings (setting_type, setting_id) SELECT 'sm_sms_setting', id FROM fresh;
