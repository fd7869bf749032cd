-- revenue: money that came in, by the time of the payment.
WITH {payments}, {homes}, {served}
SELECT {currency} AS currency,
       date_trunc(:per::text, p.created_at AT TIME ZONE 'UTC')::date AS period,
       s.group_id,
       CASE WHEN :by::text = 'provider' THEN p.provider ELSE s.group_name END AS group_name,
       count(*) AS payments,
       sum(p.amount)::numeric(24, 4) AS revenue
FROM payments p
LEFT JOIN served s ON s.serial = p.serial
GROUP BY 2, 3, 4
ORDER BY 2, 4 NULLS LAST, 3
