-- sms: text messages in and out, and what became of them.
SELECT date_trunc(:per::text, s.created_at AT TIME ZONE 'UTC')::date AS period,
       CASE s.direction WHEN 0 THEN 'incoming' ELSE 'outgoing' END AS direction,
       count(*) AS messages,
       count(*) FILTER (WHERE s.status = 0) AS stored,
       count(*) FILTER (WHERE s.status = 1) AS sent,
       count(*) FILTER (WHERE s.status = 2) AS delivered,
       count(*) FILTER (WHERE s.status = -1) AS failed
FROM sms s
WHERE s.created_at >= {since} AND s.created_at < {until}
GROUP BY 1, 2
ORDER BY 1, 2
