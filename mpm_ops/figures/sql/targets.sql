-- targets: what each mini-grid is to reach with each connection group, and what it did in a span.
WITH {payments}, {homes}, {served},
aimed AS (
    SELECT t.mini_grid_id, t.target_date, s.connection_id AS connection_group_id, sum(s.new_connections) AS connections,
           sum(s.revenue) AS revenue, sum(s.connected_power) AS power_kw, sum(s.energy_per_month) AS energy,
           sum(s.average_revenue_per_month) AS average
    FROM (
        SELECT DISTINCT ON (t.owner_id) t.id, t.owner_id AS mini_grid_id, t.target_date
        FROM targets t
        WHERE t.owner_type = 'mini-grid' AND t.target_date >= :until::date - 1
        ORDER BY t.owner_id, t.target_date, t.id DESC
    ) AS t
    JOIN sub_targets s ON s.target_id = t.id
    GROUP BY 1, 2, 3
),
connected AS (
    SELECT s.mini_grid_id, s.connection_group_id, count(*) AS connections,
           count(*) FILTER (WHERE s.connected_at >= {since}) AS new_connections
    FROM served s
    WHERE s.meter_id IS NOT NULL AND s.mini_grid_id IS NOT NULL AND coalesce(s.connected_at, '-infinity') < {until}
    GROUP BY 1, 2
),
earned AS (
    SELECT s.mini_grid_id, s.connection_group_id, sum(p.amount) AS revenue,
           sum(k.token_amount) FILTER (WHERE {is_energy}) AS energy
    FROM payments p
    JOIN served s ON s.serial = p.serial
    LEFT JOIN tokens k ON k.transaction_id = p.id
    WHERE s.meter_id IS NOT NULL AND s.mini_grid_id IS NOT NULL
    GROUP BY 1, 2
)
SELECT {currency} AS currency,
       c.id AS cluster_id,
       c.name::text AS cluster,
       mini_grid_id,
       g.name::text AS mini_grid,
       connection_group_id,
       cg.name::text AS connection_group,
       a.target_date,
       a.connections AS target_new_connections,
       coalesce(n.new_connections, 0) AS new_connections,
       coalesce(n.connections, 0) AS connections,
       a.revenue::numeric(24, 4) AS target_revenue,
       coalesce(e.revenue, 0)::numeric(24, 4) AS revenue,
       a.energy AS target_energy_kwh_per_month,
       (coalesce(e.energy, 0) / m.months)::numeric(24, 3) AS energy_kwh_per_month,
       a.average::numeric(24, 4) AS target_average_revenue_per_month,
       (e.revenue / m.months / nullif(n.connections, 0))::numeric(24, 4) AS average_revenue_per_month,
       a.power_kw AS target_power_kw
FROM aimed a
FULL JOIN connected n USING (mini_grid_id, connection_group_id)
FULL JOIN earned e USING (mini_grid_id, connection_group_id)
JOIN mini_grids g ON g.id = mini_grid_id
JOIN clusters c ON c.id = g.cluster_id
JOIN connection_groups cg ON cg.id = connection_group_id
CROSS JOIN (SELECT (:until::date - :since::date) / 30.4375 AS months) AS m
ORDER BY c.name, c.id, g.name, g.id, cg.name, cg.id
