-- tickets: opened and closed.
WITH {homes}, {residents},
events AS (
    SELECT t.created_at AS at, true AS opened, t.category_id, t.owner_type, t.owner_id FROM tickets t
    UNION ALL
    SELECT t.updated_at, false, t.category_id, t.owner_type, t.owner_id FROM tickets t WHERE t.status = 1
)
SELECT date_trunc(:per::text, e.at AT TIME ZONE 'UTC')::date AS period,
       CASE WHEN :by::text = 'category' THEN c.id ELSE r.group_id END AS group_id,
       CASE WHEN :by::text = 'category' THEN c.label_name::text ELSE r.group_name END AS group_name,
       count(*) FILTER (WHERE e.opened) AS opened,
       count(*) FILTER (WHERE NOT e.opened) AS closed
FROM events e
JOIN ticket_categories c ON c.id = e.category_id
LEFT JOIN residents r ON e.owner_type = 'person' AND r.person_id = e.owner_id
WHERE e.at >= {since} AND e.at < {until}
GROUP BY 1, 2, 3
ORDER BY 1, 3 NULLS LAST, 2
