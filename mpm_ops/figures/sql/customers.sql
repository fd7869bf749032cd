-- customers: who has paid lately, and who has not.
WITH {homes}, {residents},
paid AS (
    SELECT h.payer_id AS person_id, max(h.created_at) AS last
    FROM payment_histories h
    WHERE h.payer_type = 'person' AND h.created_at < {on_day}
    GROUP BY 1
)
SELECT r.group_id,
       r.group_name,
       count(*) AS customers,
       count(*) FILTER (WHERE l.active) AS active,
       count(*) FILTER (WHERE NOT l.active) AS inactive,
       count(*) FILTER (WHERE d.last IS NULL) AS never_paid
FROM people p
LEFT JOIN residents r ON r.person_id = p.id
LEFT JOIN paid d ON d.person_id = p.id
CROSS JOIN LATERAL (
    SELECT coalesce(d.last >= ((:on::date - :days::int)::timestamp AT TIME ZONE 'UTC'), false) AS active
) AS l
WHERE p.is_customer AND coalesce(p.created_at, '-infinity') < {on_day}
  AND coalesce(p.deleted_at, 'infinity') >= {on_day}
GROUP BY 1, 2
ORDER BY 2 NULLS LAST, 1
