-- energy: kWh sold to meters, by the time of the payment.
WITH {payments}, {homes}, {served}, {energy}
SELECT date_trunc(:per::text, e.created_at AT TIME ZONE 'UTC')::date AS period,
       e.group_id,
       e.group_name,
       count(*) AS tokens,
       sum(e.kwh)::numeric(24, 3) AS energy_kwh
FROM energy e
GROUP BY 1, 2, 3
ORDER BY 1, 3 NULLS LAST, 2
