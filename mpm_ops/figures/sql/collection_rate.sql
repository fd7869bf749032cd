-- collection_rate: of what fell due in a period, how much has been paid.
WITH {homes}, {lent}
SELECT {currency} AS currency,
       date_trunc(:per::text, r.due_date AT TIME ZONE 'UTC')::date AS period,
       l.group_id,
       l.group_name,
       count(*) AS rates,
       sum(r.rate_cost)::numeric(24, 4) AS due,
       sum(r.rate_cost - r.remaining)::numeric(24, 4) AS paid,
       (sum(r.rate_cost - r.remaining) / nullif(sum(r.rate_cost), 0))::numeric(10, 6) AS collection_rate
FROM lent l
JOIN appliance_rates r ON r.appliance_person_id = l.id
WHERE r.due_date >= {since} AND r.due_date < {until}
GROUP BY 2, 3, 4
ORDER BY 2, 4 NULLS LAST, 3
