-- A company with made.payments payments in a year, of a fiftieth as many customers, half of whom have a loan; with a
-- text message for each payment, and the agent's ledger. What the figures need of it, and nothing else.
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
INSERT INTO agent_balance_histories (agent_id, trigger_type, trigger_id, amount, available_balance, created_at)
    SELECT 1, kind, id, share, 0, at FROM payment
    CROSS JOIN (VALUES ('agent_transaction', -100), ('agent_commission', 5)) AS v (kind, share)
    WHERE provider = 'agent_transaction' AND status = 1;
INSERT INTO sms (receiver, body, status, direction, created_at) SELECT '', 'Thank you.', 2, 1, at FROM payment;

INSERT INTO ticket_categories (id, label_name, label_color, out_source) VALUES (1, 'No power', '', false);
INSERT INTO tickets (creator_type, creator_id, owner_type, owner_id, status, title, content, category_id, created_at, updated_at)
    SELECT 'users', 1, 'person', customer, id / 100 % 2, '', '', 1, at, at + interval '3 days' FROM payment WHERE id % 100 = 0;
INSERT INTO appliances (id, name, appliance_type_id, price) VALUES (1, 'Radio', (SELECT min(id) FROM appliance_types), 1200);
INSERT INTO appliance_people (id, appliance_id, person_id, total_cost, rate_count, creator_type, creator_id, payment_type, created_at)
    SELECT id, 1, id, 1200, 24, 'agent', 1, 'installment', since FROM customer WHERE id % 2 = 0;
INSERT INTO appliance_rates (appliance_person_id, rate_cost, remaining, due_date, remind)
    SELECT id, 50, 50 * (n / 20), since + n * interval '30 days', 0
    FROM customer CROSS JOIN generate_series(1, 24) n WHERE id % 2 = 0;
INSERT INTO targets (id, owner_type, owner_id, type, target_date) SELECT id, 'mini-grid', id, '', '2026-12-31' FROM mini_grids;
INSERT INTO sub_targets (target_id, connection_id, revenue, new_connections, connected_power, energy_per_month,
                         average_revenue_per_month)
    SELECT t.id, g.id, 1000000, 100, 1.5, 20, 100 FROM targets t CROSS JOIN connection_groups g;
DROP TABLE customer, payment;
