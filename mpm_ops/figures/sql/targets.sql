-- targets: what each mini-grid or cluster is to reach with each connection group, and what it did in a span.
WITH {payments}, {homes}, {served}, {energy},
next AS (
    SELECT DISTINCT ON (t.owner_type, t.owner_id) t.id, t.target_date,
           CASE t.owner_type WHEN 'mini-grid' THEN g.id END AS mini_grid_id,
           CASE t.owner_type WHEN 'mini-grid' THEN g.cluster_id ELSE t.owner_id END AS cluster_id
    FROM targets t
    LEFT JOIN mini_grids g ON g.id = t.owner_id
    WHERE t.owner_type IN ('mini-grid', 'cluster') AND t.target_date >= :until::date - 1
    ORDER BY t.owner_type, t.owner_id, t.target_date, t.id DESC
),
-- A cluster's own target has no mini-grid, and takes the place of those of its mini-grids.
aimed AS (
    SELECT n.cluster_id, n.mini_grid_id, n.target_date, s.connection_id AS connection_group_id,
           sum(s.new_connections) AS new_connections, sum(s.revenue) AS revenue, sum(s.connected_power) AS power_kw,
           sum(s.energy_per_month) AS energy, sum(s.average_revenue_per_month) AS average
    FROM next n
    JOIN sub_targets s ON s.target_id = n.id
    WHERE CASE :by::text WHEN 'cluster' THEN n.mini_grid_id IS NULL OR NOT EXISTS (
        SELECT FROM next o WHERE o.cluster_id = n.cluster_id AND o.mini_grid_id IS NULL
    ) ELSE n.mini_grid_id IS NOT NULL END
    GROUP BY 1, 2, 3, 4
),
connected AS (
    SELECT s.mini_grid_id, s.connection_group_id, count(*) AS connections,
           count(*) FILTER (WHERE s.connected_at >= {since}) AS new_connections
    FROM served s
    WHERE s.meter_id IS NOT NULL AND s.mini_grid_id IS NOT NULL AND coalesce(s.connected_at, '-infinity') < {until}
    GROUP BY 1, 2
),
earned AS (
    SELECT s.mini_grid_id, s.connection_group_id, sum(p.amount) AS revenue
    FROM payments p
    JOIN served s ON s.serial = p.serial
    WHERE s.meter_id IS NOT NULL AND s.mini_grid_id IS NOT NULL
    GROUP BY 1, 2
),
sold AS (
    SELECT k.mini_grid_id, k.connection_group_id, sum(k.kwh) AS energy
    FROM energy k
    WHERE k.mini_grid_id IS NOT NULL
    GROUP BY 1, 2
),
-- By mini-grid each sum is of one row.
together AS (
    SELECT coalesce(a.cluster_id, g.cluster_id) AS cluster_id,
           CASE :by::text WHEN 'mini_grid' THEN g.id END AS mini_grid_id,
           connection_group_id,
           min(a.target_date) AS target_date,
           sum(a.new_connections) AS target_new_connections,
           sum(a.revenue) AS target_revenue,
           sum(a.energy) AS target_energy,
           sum(a.power_kw) AS target_power_kw,
           coalesce(
               sum(a.average * n.connections) / sum(n.connections) FILTER (WHERE a.average IS NOT NULL), avg(a.average)
           ) AS target_average,
           coalesce(sum(n.new_connections), 0)::bigint AS new_connections,
           coalesce(sum(n.connections), 0)::bigint AS connections,
           coalesce(sum(e.revenue), 0) AS revenue,
           coalesce(sum(k.energy), 0) AS energy
    FROM aimed a
    FULL JOIN connected n USING (mini_grid_id, connection_group_id)
    FULL JOIN earned e USING (mini_grid_id, connection_group_id)
    FULL JOIN sold k USING (mini_grid_id, connection_group_id)
    LEFT JOIN mini_grids g ON g.id = mini_grid_id
    GROUP BY 1, 2, 3
)
SELECT {currency} AS currency,
       c.id AS cluster_id,
       c.name::text AS cluster,
       g.id AS mini_grid_id,
       g.name::text AS mini_grid,
       cg.id AS connection_group_id,
       cg.name::text AS connection_group,
       w.target_date,
       w.target_new_connections::bigint AS target_new_connections,
       w.new_connections,
       w.connections,
       w.target_revenue::numeric(24, 4) AS target_revenue,
       w.revenue::numeric(24, 4) AS revenue,
       w.target_energy AS target_energy_kwh_per_month,
       (w.energy / m.months)::numeric(24, 3) AS energy_kwh_per_month,
       w.target_average::numeric(24, 4) AS target_average_revenue_per_month,
       (nullif(w.revenue, 0) / m.months / nullif(w.connections, 0))::numeric(24, 4) AS average_revenue_per_month,
       w.target_power_kw
FROM together w
JOIN clusters c ON c.id = w.cluster_id
LEFT JOIN mini_grids g ON g.id = w.mini_grid_id
JOIN connection_groups cg ON cg.id = w.connection_group_id
CROSS JOIN (SELECT (:until::date - :since::date) / 30.4375 AS months) AS m
ORDER BY c.name, c.id, g.name, g.id, cg.name, cg.id
