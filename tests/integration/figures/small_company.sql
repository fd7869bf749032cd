-- A company small enough to add up by hand. What each row is there for stands beside it.
UPDATE main_settings SET currency = 'TZS';

INSERT INTO clusters (id, name, manager_id, geo_json) VALUES (1, 'North', (SELECT min(id) FROM users), '{}');
INSERT INTO mini_grids (id, cluster_id, name) VALUES (1, 1, 'Hill'), (2, 1, 'Lake');
INSERT INTO cities (id, name, country_id, mini_grid_id) VALUES
    (1, 'Hilltop', (SELECT min(id) FROM countries), 1), (2, 'Lakeside', (SELECT min(id) FROM countries), 2);

INSERT INTO people (id, name, surname, is_customer, type, created_at, deleted_at) VALUES
    (1, 'Ada', 'One', true, 'customer', '2025-01-01', NULL),
    (2, 'Ben', 'Two', true, 'customer', '2026-01-27', NULL), -- written down after he had paid
    (3, 'Cleo', 'Three', true, 'customer', NULL, NULL), -- has no address
    (4, 'Dan', 'Four', true, 'customer', '2025-01-01', '2026-02-10'), -- deleted
    (5, 'Eve', 'Five', false, 'agent', '2025-01-01', NULL),
    (6, 'Fay', 'Six', true, 'customer', '2026-02-14', NULL), -- never paid
    (7, 'Gil', 'Seven', false, 'agent', '2025-01-01', NULL);
INSERT INTO addresses (id, owner_type, owner_id, city_id, is_primary) VALUES
    (1, 'person', 1, 1, true), (2, 'person', 1, 2, true), -- two that are primary: the first counts
    (3, 'person', 2, 1, false), (4, 'person', 2, 2, true),
    (5, 'person', 4, 2, true), (6, 'person', 6, 1, true),
    (7, 'manufacturer', 3, 1, true); -- the id of Cleo, who has none

INSERT INTO connection_types (id, name) VALUES (11, 'Household'), (12, 'Business');
INSERT INTO connection_groups (id, name) VALUES (21, 'Homes'), (22, 'Shops');
INSERT INTO tariffs (id, name, price, currency) VALUES (31, 'Day', 100, 'TZS'), (32, 'Night', 50, 'TZS');
INSERT INTO manufacturers (id, type, name) VALUES (1, 'meter', 'Maker');
INSERT INTO meter_types (id) VALUES (1);
INSERT INTO meters (id, serial_number, meter_type_id, manufacturer_id, connection_type_id, connection_group_id, tariff_id,
                    created_at) VALUES
    (1, 'M1', 1, 1, 11, 21, 31, '2025-01-01'),
    (2, 'M2', 1, 1, 12, 22, 32, '2026-01-10'),
    (3, 'M3', 1, 1, 11, 21, 31, '2026-01-12'), -- in stock
    (4, 'M4', 1, 1, 11, 21, 31, NULL); -- imported
INSERT INTO appliances (id, name, appliance_type_id, price) VALUES
    (1, 'Home 400', (SELECT id FROM appliance_types WHERE name = 'Solar Home System'), 13000),
    (2, 'Radio', (SELECT id FROM appliance_types WHERE name = 'Electronics'), 600);
INSERT INTO solar_home_systems (id, appliance_id, serial_number, manufacturer_id) VALUES (1, 1, 'S1', 1);
INSERT INTO devices (id, person_id, device_type, device_id, device_serial) VALUES
    (101, 1, 'meter', 1, 'M1'), (102, 2, 'meter', 2, 'M2'), (103, NULL, 'meter', 3, 'M3'), (104, 4, 'meter', 4, 'M4'),
    (105, 3, 'solar_home_system', 1, 'S1'); -- the id of meter 1

INSERT INTO agent_commissions (id, name, energy_commission, appliance_commission, risk_balance) VALUES (1, 'C', 5, 5, 1);
INSERT INTO agents (id, person_id, mini_grid_id, agent_commission_id, email, password, commission_revenue, created_at)
    VALUES (1, 5, 1, 1, 'eve@example.com', '!', 80, '2025-01-01'), -- two agents in one mini-grid
           (2, 7, 1, 1, 'gil@example.com', '!', 0, '2025-01-01');

INSERT INTO cash_transactions (id, user_id, status) SELECT n, min(u.id), 1 FROM users u, generate_series(1, 2) n GROUP BY n;
INSERT INTO third_party_transactions (id, transaction_id, status) VALUES (1, 'a', 1), (2, 'b', 0), (3, 'c', 1);
INSERT INTO agent_transactions (id, agent_id, mobile_device_id, status) VALUES (1, 1, 'p', 1), (2, 1, 'p', -1), (3, 2, 'q', 1);
INSERT INTO transactions (id, created_at, amount, original_transaction_type, original_transaction_id, message, sender) VALUES
    (1, '2026-01-01 00:00:00Z', 1000, 'cash_transaction', 1, 'M1', ''), -- the first moment of the year
    (2, '2026-01-31 23:59:59Z', 500, 'third_party_transaction', 1, 'M1', ''), -- the last of January
    (3, '2026-02-01 00:00:00Z', 300, 'agent_transaction', 1, 'M2', ''), -- and the first of February
    (4, '2026-01-15 12:00:00Z', 700, 'third_party_transaction', 2, 'M2', ''), -- pending
    (5, '2026-01-16 12:00:00Z', 800, 'agent_transaction', 2, 'M2', ''), -- failed
    (6, '2026-01-20 10:00:00Z', 2000, 'swifta_transaction', 1, 'S1', ''), -- a plugin's, applied
    (7, '2026-01-20 11:00:00Z', 900, 'swifta_transaction', 2, 'M1', ''), -- a plugin's, not applied
    (8, '2026-01-21 12:00:00Z', 400.25, 'cash_transaction', 2, 'TYPO', ''), -- no serial number of ours
    (9, '2026-01-10 12:00:00Z', 600, 'third_party_transaction', 3, 'M4', ''),
    (10, '2026-01-25 12:00:00Z', 250, 'agent_transaction', 3, 'M2', ''),
    (11, NULL, 5000, 'cash_transaction', 1, 'M1', ''); -- in no month
INSERT INTO tokens (id, transaction_id, device_id, token, token_amount, token_type, token_unit, created_at) VALUES
    (1, 1, 101, '', 10, 'energy', 'kWh', '2026-01-01'),
    (2, 2, 101, '', 4, 'energy', 'kWh', '2026-02-01 00:00:05Z'), -- of a payment in January
    (3, 3, 102, '', 6, 'energy', 'kWh', '2026-02-01'),
    (4, 5, 102, '', 99, 'energy', 'kWh', '2026-01-16'), -- of a payment that failed
    (5, 6, 105, '', 30, 'time', 'days', '2026-01-20'), -- no energy
    (6, 9, NULL, '', 12, 'energy', NULL, '2026-01-10'), -- known by the serial number
    (7, 10, 102, '', 5.125, 'energy', 'kWh', '2026-01-25'),
    (8, 8, 101, '', 3, 'energy', 'kWh', '2026-01-21'); -- for the right meter, whatever the payer typed
INSERT INTO payment_histories (transaction_id, created_at, amount, payment_type, payer_id, payer_type, payment_service,
                               sender, paid_for_type, paid_for_id) VALUES
    (1, '2026-01-01 00:00:01Z', 1000, 'energy', 1, 'person', '', '', 'token', 1),
    (2, '2026-02-01 00:00:05Z', 400, 'energy', 1, 'person', '', '', 'token', 2),
    (2, '2026-02-01 00:00:05Z', 100, 'access rate', 1, 'person', '', '', 'access_rate', 1),
    (3, '2026-02-01 00:00:00Z', 300, 'energy', 2, 'person', '', '', 'token', 3),
    (6, '2026-01-20 10:00:00Z', 2000, 'installment', 3, 'person', '', '', 'appliance_rate', 1),
    (9, '2026-01-10 12:00:00Z', 600, 'energy', 4, 'person', '', '', 'token', 6),
    (10, '2026-01-25 12:00:00Z', 250, 'energy', 2, 'person', '', '', 'token', 7);

INSERT INTO appliance_people (id, appliance_id, person_id, total_cost, rate_count, creator_type, creator_id, down_payment,
                              payment_type, created_at, deleted_at) VALUES
    (1, 1, 3, 13000, 3, 'users', 1, 1000, 'installment', '2025-10-01', NULL),
    (2, 2, 1, 600, 2, 'agent', 1, NULL, 'installment', '2026-01-05', NULL),
    (3, 2, 1, 900, 0, 'agent', 1, NULL, 'energy_service', '2026-01-06', NULL), -- has no rates
    (4, 2, 2, 600, 1, 'agent', 1, NULL, 'installment', '2026-01-07', '2026-01-08'); -- taken back
INSERT INTO appliance_rates (appliance_person_id, rate_cost, remaining, due_date, remind) VALUES
    (1, 4000, 0, '2025-11-01', 0), (1, 4000, 1000, '2026-01-01', 0), (1, 4000, 4000, '2026-03-01', 0),
    (2, 300, 300, '2026-02-05', 0), (2, 300, 300, '2026-03-05', 0),
    (4, 600, 600, '2026-01-08', 0);

INSERT INTO agent_balance_histories (agent_id, trigger_type, trigger_id, amount, available_balance, created_at) VALUES
    (1, 'agent_charge', 1, 1000, 1000, '2026-01-02'),
    (1, 'agent_commission', 1, 50, 1000, '2026-01-03'),
    (1, 'agent_commission', 1, -50, 1000, '2026-01-30'), -- paid out
    (1, 'agent_transaction', 1, -300, 700, '2026-02-01'),
    (1, 'agent_commission', 1, 30, 700, '2026-02-02');

INSERT INTO ticket_categories (id, label_name, label_color, out_source) VALUES (1, 'No power', '', false), (2, 'Question', '', false);
INSERT INTO tickets (creator_type, creator_id, owner_type, owner_id, status, title, content, category_id, created_at, updated_at)
    VALUES ('users', 1, 'person', 1, 1, '', '', 1, '2026-01-05', '2026-01-13'),
           ('users', 1, 'person', 2, 0, '', '', 2, '2026-01-06', '2026-01-14'), -- changed, not closed
           ('users', 1, 'agent', 1, 0, '', '', 1, '2026-01-07', '2026-01-07'); -- Ada's id, not about her
INSERT INTO sms (receiver, body, status, direction, created_at) VALUES
    ('', '', 2, 1, '2026-01-05'), ('', '', -1, 1, '2026-01-06'), ('', '', 0, 0, '2026-01-07'), ('', '', 1, 1, '2026-02-01');

INSERT INTO targets (id, owner_type, owner_id, type, target_date) VALUES
    (1, 'mini-grid', 1, '', '2026-01-15'), -- over before January is
    (2, 'mini-grid', 1, '', '2026-01-31'),
    (3, 'mini-grid', 1, '', '2026-12-31'), -- another one later, which MPM adds
    (4, 'cluster', 1, '', '2026-06-30'),
    (5, 'mini-grid', 2, '', '2027-06-30');
INSERT INTO sub_targets (target_id, connection_id, revenue, new_connections, connected_power, energy_per_month,
                         average_revenue_per_month)
    SELECT id, 21, 1000 * id, id, 1.5, 20, 20 * id FROM targets;
