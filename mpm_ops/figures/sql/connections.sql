-- connections: meters that customers have at the end of a span, and those that were new in it.
WITH {homes}, {served}
SELECT s.group_id,
       s.group_name,
       count(*) AS connections,
       count(*) FILTER (WHERE s.connected_at >= {since}) AS new_connections
FROM served s
WHERE s.meter_id IS NOT NULL AND s.person_id IS NOT NULL AND coalesce(s.connected_at, '-infinity') < {until}
GROUP BY 1, 2
ORDER BY 2 NULLS LAST, 1
