-- The maker of the devices that the plugin speaks with.
INSERT INTO manufacturers (type, name, website, api_name)
SELECT 'meter', 'Steama Meters', 'https://steama.co/', 'SteamaMeterApi'
WHERE NOT EXISTS (SELECT FROM manufacturers WHERE api_name = 'SteamaMeterApi');

-- One row, to be filled in.
INSERT INTO steama_credentials (created_at)
SELECT now() WHERE NOT EXISTS (SELECT FROM steama_credentials);

-- What is synchronised how often; an action says when it is due next.
WITH fresh AS (
    INSERT INTO steama_sync_settings (action_name, sync_in_value_str, sync_in_value_num)
    VALUES
        ('Sites', 'day', 1),
        ('Customers', 'day', 1),
        ('Meters', 'day', 1),
        ('Agents', 'day', 1),
        ('Transactions', 'minute', 5)
    ON CONFLICT (action_name) DO NOTHING
    RETURNING id, (sync_in_value_num || ' ' || sync_in_value_str)::interval AS every
), shown AS (
    INSERT INTO steama_settings (setting_type, setting_id) SELECT 'steama_sync_setting', id FROM fresh
)
INSERT INTO steama_sync_actions (sync_setting_id, next_sync) SELECT id, now() + every FROM fresh;

-- Which SMS are sent, and up to how many minutes after what they tell of.
WITH fresh AS (
    INSERT INTO steama_sms_settings (state, not_send_elder_than_mins)
    VALUES ('Transactions', 30), ('Low Balance Warning', 60)
    ON CONFLICT (state) DO NOTHING
    RETURNING id
)
INSERT INTO steama_settings (setting_type, setting_id) SELECT 'steama_sms_setting', id FROM fresh;

-- Steamaco makes the prices: the tariff says so, and is what the kinds of customers have.
WITH fresh AS (
    INSERT INTO tariffs (name, price, currency)
    SELECT 'Steama External Tariff', 0, currency FROM main_settings
    WHERE NOT EXISTS (SELECT FROM tariffs WHERE name = 'Steama External Tariff')
    RETURNING id
)
INSERT INTO steama_tariffs (mpm_tariff_id) SELECT id FROM fresh;

INSERT INTO connection_types (name)
SELECT kind.name FROM (VALUES ('Not Specified'), ('Residential'), ('Business'), ('Institution')) AS kind (name)
WHERE NOT EXISTS (SELECT FROM connection_types AS known WHERE known.name = kind.name::citext);

INSERT INTO steama_user_types (mpm_connection_type_id, name, syntax)
SELECT DISTINCT ON (kind.name) known.id, kind.name, kind.syntax
FROM (
    VALUES ('NA', 'Not Specified'), ('RES', 'Residential'), ('BUS', 'Business'), ('INS', 'Institution')
) AS kind (syntax, name)
JOIN connection_types AS known ON known.name = kind.name::citext
WHERE NOT EXISTS (SELECT FROM steama_user_types AS there WHERE there.syntax = kind.syntax)
ORDER BY kind.name, known.id;

INSERT INTO sub_connection_types (name, connection_type_id, tariff_id)
SELECT kind.name, kind.mpm_connection_type_id, tariff.id
FROM steama_user_types AS kind
CROSS JOIN (SELECT min(id) AS id FROM tariffs WHERE name = 'Steama External Tariff') AS tariff
WHERE NOT EXISTS (SELECT FROM sub_connection_types AS known WHERE known.name = kind.name::citext);

INSERT INTO steama_site_level_payment_plan_types (name)
SELECT plan.name
FROM (
    VALUES
        ('Credit Bundles'), ('Time-of-use Pricing'), ('Adaptive Per-kWh Tiers'),
        ('Hybrid Tariff & Monthly Usage Tiers')
) AS plan (name)
WHERE NOT EXISTS (SELECT FROM steama_site_level_payment_plan_types AS known WHERE known.name = plan.name);

INSERT INTO agent_commissions (name, energy_commission, appliance_commission, risk_balance)
SELECT 'Steama Agent Commission', 0, 0, 0
WHERE NOT EXISTS (SELECT FROM agent_commissions WHERE name = 'Steama Agent Commission');
