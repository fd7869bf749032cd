-- arpu: revenue per customer who paid in the period.
WITH {payments}, {homes}, {served}
SELECT {currency} AS currency,
       date_trunc(:per::text, p.created_at AT TIME ZONE 'UTC')::date AS period,
       s.group_id,
       s.group_name,
       count(DISTINCT s.person_id) AS customers,
       sum(p.amount)::numeric(24, 4) AS revenue,
       (sum(p.amount) / count(DISTINCT s.person_id))::numeric(24, 4) AS arpu
FROM payments p
JOIN served s ON s.serial = p.serial AND s.person_id IS NOT NULL
WHERE p.created_at >= {since} AND p.created_at < {until}
GROUP BY 2, 3, 4
ORDER BY 2, 4 NULLS LAST, 3
