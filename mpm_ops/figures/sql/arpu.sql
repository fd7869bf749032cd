-- arpu: revenue per customer who paid in the period.
WITH {payments}, {homes}, {served},
paid AS (
    SELECT date_trunc(:per::text, p.created_at AT TIME ZONE 'UTC')::date AS period, s.group_id, s.group_name,
           s.person_id, sum(p.amount) AS amount
    FROM payments p
    JOIN served s ON s.serial = p.serial AND s.person_id IS NOT NULL
    GROUP BY 1, 2, 3, 4
)
SELECT {currency} AS currency,
       d.period,
       d.group_id,
       d.group_name,
       count(*) AS customers,
       sum(d.amount)::numeric(24, 4) AS revenue,
       (sum(d.amount) / count(*))::numeric(24, 4) AS arpu
FROM paid d
GROUP BY 2, 3, 4
ORDER BY 2, 4 NULLS LAST, 3
