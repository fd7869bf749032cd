-- A company with made.payments payments in a year, of a fiftieth as many customers. A small one at the server's hands:
-- what the figures need of it, and nothing else.
UPDATE main_settings SET currency = 'TZS';
INSERT INTO clusters (id, name, manager_id, geo_json) VALUES (1, 'North', (SELECT min(id) FROM users), '{}');
INSERT INTO mini_grids (id, cluster_id, name) VALUES (1, 1, 'Hill'), (2, 1, 'Lake');
INSERT INTO cities (id, name, country_id, mini_grid_id)
    SELECT n, 'Village ' || n, (SELECT min(id) FROM countries), 1 + n % 2 FROM generate_series(1, 10) n;
INSERT INTO tariffs (id, name, price, currency) VALUES (1, 'Day', 100, 'TZS');
INSERT INTO manufacturers (id, type, name) VALUES (1, 'meter', 'Maker');
INSERT INTO meter_types (id) VALUES (1);

CREATE TEMPORARY TABLE customer AS
    SELECT n AS id, 'M' || n AS serial, timestamptz '2025-01-01Z' + n % 300 * interval '1 day' AS since
    FROM generate_series(1, greatest(current_setting('made.payments')::int / 50, 1)) n;
INSERT INTO people (id, name, surname, created_at) SELECT id, 'Ada', 'Customer ' || id, since FROM customer;
INSERT INTO addresses (owner_type, owner_id, city_id, is_primary)
    SELECT 'person', id, 1 + id % 10, true FROM customer;
INSERT INTO meters (id, serial_number, meter_type_id, manufacturer_id, connection_type_id, connection_group_id, tariff_id,
                    created_at)
    SELECT c.id, c.serial, 1, 1, (SELECT min(id) FROM connection_types), (SELECT min(id) FROM connection_groups), 1, c.since
    FROM customer c;
INSERT INTO devices (id, person_id, device_type, device_id, device_serial) SELECT id, id, 'meter', id, serial FROM customer;

INSERT INTO agent_commissions (id, name, energy_commission, appliance_commission, risk_balance) VALUES (1, 'C', 5, 5, 1);
INSERT INTO agents (id, person_id, mini_grid_id, agent_commission_id, email, password)
    VALUES (1, 1, 1, 1, 'eve@example.com', '!');

-- Four of five go through another system, the rest through the agent; every thirtieth fails.
CREATE TEMPORARY TABLE payment AS
    SELECT n AS id, timestamptz '2026-01-01Z' + n * (interval '364 days' / current_setting('made.payments')::int) AS at,
           CASE WHEN n % 5 > 0 THEN 'third_party_transaction' ELSE 'agent_transaction' END AS provider,
           CASE WHEN n % 30 > 0 THEN 1 ELSE -1 END AS status, c.id AS customer, c.serial, 100 + n % 900 AS amount
    FROM generate_series(1, current_setting('made.payments')::int) n
    JOIN customer c ON c.id = 1 + n % greatest(current_setting('made.payments')::int / 50, 1);
INSERT INTO third_party_transactions (id, transaction_id, status)
    SELECT id, id, status FROM payment WHERE provider = 'third_party_transaction';
INSERT INTO agent_transactions (id, agent_id, mobile_device_id, status)
    SELECT id, 1, 'phone', status FROM payment WHERE provider = 'agent_transaction';
INSERT INTO transactions (id, created_at, amount, original_transaction_type, original_transaction_id, type, message, sender)
    SELECT id, at, amount, provider, id, 'energy', serial, '+255' || customer FROM payment;
INSERT INTO tokens (id, transaction_id, device_id, token, token_amount, token_type, token_unit, created_at)
    SELECT id, id, customer, 'token', amount / 100.0, 'energy', 'kWh', at FROM payment WHERE status = 1;
INSERT INTO payment_histories (transaction_id, created_at, amount, payment_type, payer_id, payer_type, payment_service, sender,
                               paid_for_type, paid_for_id)
    SELECT id, at, amount, 'energy', customer, 'person', provider, '', 'token', id FROM payment WHERE status = 1;
DROP TABLE customer, payment;
