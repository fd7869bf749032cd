-- energy: kWh sold to meters, by the time of the payment.
WITH {payments}, {homes}, {served}
SELECT date_trunc(:per::text, p.created_at AT TIME ZONE 'UTC')::date AS period,
       s.group_id,
       s.group_name,
       count(*) AS tokens,
       sum(k.token_amount)::numeric(24, 3) AS energy_kwh
FROM payments p
JOIN tokens k ON k.transaction_id = p.id
LEFT JOIN devices d ON d.device_serial = p.serial
JOIN served s ON s.device_id = coalesce(k.device_id, d.id)
WHERE {is_energy} AND s.meter_id IS NOT NULL
GROUP BY 1, 2, 3
ORDER BY 1, 3 NULLS LAST, 2
