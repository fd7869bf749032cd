-- churn: customers who were active when a span began, and are not any more when it ends.
WITH {homes}, {residents},
paid AS (
    SELECT h.payer_id AS person_id,
           bool_or(h.created_at < {since}) AS at_start,
           bool_or(h.created_at >= ((:until::date - :days::int)::timestamp AT TIME ZONE 'UTC')) AS at_end
    FROM payment_histories h
    WHERE h.payer_type = 'person' AND h.created_at < {until}
      AND h.created_at >= ((:since::date - :days::int)::timestamp AT TIME ZONE 'UTC')
    GROUP BY 1
),
active AS (
    SELECT p.id AS person_id,
           d.at_start AND coalesce(p.created_at, '-infinity') < {since}
               AND coalesce(p.deleted_at, 'infinity') >= {since} AS at_start,
           d.at_end AND coalesce(p.created_at, '-infinity') < {until}
               AND coalesce(p.deleted_at, 'infinity') >= {until} AS at_end
    FROM paid d
    JOIN people p ON p.id = d.person_id AND p.is_customer
)
SELECT r.group_id,
       r.group_name,
       count(*) FILTER (WHERE a.at_start) AS active_at_start,
       count(*) FILTER (WHERE a.at_start AND NOT a.at_end) AS lost,
       count(*) FILTER (WHERE a.at_end AND NOT a.at_start) AS gained,
       count(*) FILTER (WHERE a.at_end) AS active_at_end,
       (count(*) FILTER (WHERE a.at_start AND NOT a.at_end)::numeric
           / nullif(count(*) FILTER (WHERE a.at_start), 0))::numeric(10, 6) AS churn
FROM active a
LEFT JOIN residents r ON r.person_id = a.person_id
WHERE a.at_start OR a.at_end
GROUP BY 1, 2
ORDER BY 2 NULLS LAST, 1
