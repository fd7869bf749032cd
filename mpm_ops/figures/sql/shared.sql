-- The rules that several figures share, each written once. Where a figure has {payments}, the section of that name stands.
-- Half-open days: from the beginning of `since` to the beginning of `until`, in UTC, whatever the session's time zone.
-- They are cast to what a time stamp is compared with by a leakproof function: the condition gets below the masks, to
-- the index.

-- section: since
(:since::date::timestamp AT TIME ZONE 'UTC')

-- section: until
(:until::date::timestamp AT TIME ZONE 'UTC')

-- section: on_day
(:on::date::timestamp AT TIME ZONE 'UTC')

-- section: currency
(SELECT currency FROM main_settings)

-- section: applied
(EXISTS (SELECT FROM tokens k WHERE k.transaction_id = t.id)
    OR EXISTS (SELECT FROM payment_histories h WHERE h.transaction_id = t.id))

-- section: one_by_one
CASE t.original_transaction_type
    WHEN 'agent_transaction' THEN
        (SELECT o.status = 1 FROM agent_transactions o WHERE o.id = t.original_transaction_id)
    WHEN 'cash_transaction' THEN
        (SELECT o.status = 1 FROM cash_transactions o WHERE o.id = t.original_transaction_id)
    WHEN 'third_party_transaction' THEN
        (SELECT o.status = 1 FROM third_party_transactions o WHERE o.id = t.original_transaction_id)
    ELSE {applied}
END

-- section: all_at_once
CASE t.original_transaction_type
    WHEN 'agent_transaction' THEN
        EXISTS (SELECT FROM agent_transactions o WHERE o.id = t.original_transaction_id AND o.status = 1)
    WHEN 'cash_transaction' THEN
        EXISTS (SELECT FROM cash_transactions o WHERE o.id = t.original_transaction_id AND o.status = 1)
    WHEN 'third_party_transaction' THEN
        EXISTS (SELECT FROM third_party_transactions o WHERE o.id = t.original_transaction_id AND o.status = 1)
    ELSE {applied}
END

-- section: succeeded
-- Payments of the span that succeeded. The provider's row tells it (status 1); of a plugin's provider, whose table is
-- not in every company's database, that the payment was applied: it made a token, or is in payment_histories. For a
-- quarter or less each provider's row is looked up by its key. For more the planner makes hashes of the EXISTS. It
-- would for a week, too, and go through all that the providers ever had: it takes look-ups to be dearer than they are.
SELECT t.id, t.created_at, t.amount, t.message AS serial, t.original_transaction_type AS provider,
       t.original_transaction_id AS provider_id
FROM transactions t
WHERE t.created_at >= {since} AND t.created_at < {until}
  AND CASE WHEN :until::date - :since::date <= 92 THEN {one_by_one} ELSE {all_at_once} END

-- section: payments
-- On their own, because the planner takes them for so dear that beside them all joins cost it the same.
payments AS MATERIALIZED (
    {succeeded}
)

-- section: agent_name
-- Of the agents that are shown only: in a join all people's names would be masked first.
(SELECT concat_ws(' ', w.name, w.surname) FROM people w WHERE w.id = a.person_id)

-- section: homes
-- Where people live today: one primary address each, the first where there are several.
-- By left joins, of which all have a partner: the planner knows no values of a view that masks, and takes joins to
-- lose most of the rows.
homes AS NOT MATERIALIZED (
    SELECT DISTINCT ON (a.owner_id) a.owner_id AS person_id, v.id AS village_id, v.name::text AS village,
           g.id AS mini_grid_id, g.name::text AS mini_grid, c.id AS cluster_id, c.name::text AS cluster
    FROM addresses a
    LEFT JOIN cities v ON v.id = a.city_id
    LEFT JOIN mini_grids g ON g.id = v.mini_grid_id
    LEFT JOIN clusters c ON c.id = g.cluster_id
    WHERE a.owner_type = 'person' AND a.is_primary AND a.city_id IS NOT NULL
    ORDER BY a.owner_id, a.id
)

-- section: residents
-- People, and the place that figures are given by.
residents AS NOT MATERIALIZED (
    SELECT person_id,
           CASE :by::text WHEN 'village' THEN village_id WHEN 'mini_grid' THEN mini_grid_id
               WHEN 'cluster' THEN cluster_id END AS group_id,
           CASE :by::text WHEN 'village' THEN village WHEN 'mini_grid' THEN mini_grid
               WHEN 'cluster' THEN cluster END AS group_name
    FROM homes
)

-- section: served
-- Devices, who has them, and the part of the business that figures are given by. Meters have a tariff and a kind of
-- connection; other devices have not.
served AS (
    SELECT d.id AS device_id, d.device_serial AS serial, d.person_id, m.id AS meter_id, m.created_at AS connected_at,
           m.connection_group_id, h.mini_grid_id,
           CASE :by::text WHEN 'village' THEN h.village_id WHEN 'mini_grid' THEN h.mini_grid_id
               WHEN 'cluster' THEN h.cluster_id WHEN 'tariff' THEN m.tariff_id
               WHEN 'connection_type' THEN m.connection_type_id
               WHEN 'connection_group' THEN m.connection_group_id END AS group_id,
           CASE :by::text WHEN 'village' THEN h.village WHEN 'mini_grid' THEN h.mini_grid
               WHEN 'cluster' THEN h.cluster WHEN 'tariff' THEN f.name
               WHEN 'connection_type' THEN ct.name::text
               WHEN 'connection_group' THEN cg.name::text END AS group_name
    FROM devices d
    LEFT JOIN meters m ON d.device_type = 'meter' AND m.id = d.device_id
    LEFT JOIN tariffs f ON f.id = m.tariff_id
    LEFT JOIN connection_types ct ON ct.id = m.connection_type_id
    LEFT JOIN connection_groups cg ON cg.id = m.connection_group_id
    LEFT JOIN homes h ON h.person_id = d.person_id
)

-- section: energy
-- What payments bought for meters, in kWh. The token knows its device, whatever serial number the payer typed; where it
-- does not, the payment's tells. The units are written out: of lower() or coalesce() the planner knows no numbers.
energy AS NOT MATERIALIZED (
    SELECT p.created_at, s.group_id, s.group_name, s.mini_grid_id, s.connection_group_id, k.token_amount AS kwh
    FROM payments p
    JOIN tokens k ON k.transaction_id = p.id
    LEFT JOIN devices d ON d.device_serial = p.serial
    JOIN served s ON s.device_id = coalesce(k.device_id, d.id)
    WHERE k.token_type = 'energy' AND (k.token_unit IS NULL OR k.token_unit IN ('kWh', 'kwh', 'KWH'))
      AND s.meter_id IS NOT NULL
)

-- section: lent
-- Sales on credit that were not taken back, and the part of the business that figures are given by.
lent AS NOT MATERIALIZED (
    SELECT l.id, l.payment_type, l.total_cost, l.down_payment, l.created_at,
           CASE :by::text WHEN 'appliance_type' THEN y.id WHEN 'appliance' THEN a.id WHEN 'village' THEN h.village_id
               WHEN 'mini_grid' THEN h.mini_grid_id WHEN 'cluster' THEN h.cluster_id END AS group_id,
           CASE :by::text WHEN 'appliance_type' THEN y.name::text WHEN 'appliance' THEN a.name
               WHEN 'village' THEN h.village WHEN 'mini_grid' THEN h.mini_grid
               WHEN 'cluster' THEN h.cluster END AS group_name
    FROM appliance_people l
    JOIN appliances a ON a.id = l.appliance_id
    JOIN appliance_types y ON y.id = a.appliance_type_id
    LEFT JOIN homes h ON h.person_id = l.person_id
    WHERE l.deleted_at IS NULL
)

-- section: owed
-- Loans as they stand, those that were there when the day began. Without rates (energy service) the sums are NULL.
owed AS NOT MATERIALIZED (
    SELECT l.id, l.payment_type, l.total_cost, l.down_payment, l.group_id, l.group_name,
           sum(r.rate_cost - r.remaining) AS paid, sum(r.remaining) AS outstanding,
           sum(r.remaining) FILTER (WHERE r.due_date < {on_day}) AS overdue,
           :on::date - (min(r.due_date) FILTER (WHERE r.remaining > 0 AND r.due_date < {on_day})
               AT TIME ZONE 'UTC')::date AS days_late
    FROM lent l
    LEFT JOIN appliance_rates r ON r.appliance_person_id = l.id
    WHERE coalesce(l.created_at, '-infinity') < {on_day}
    GROUP BY l.id, l.payment_type, l.total_cost, l.down_payment, l.group_id, l.group_name
)
