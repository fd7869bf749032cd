-- portfolio_at_risk: the portfolio at risk, by how late the oldest unpaid rate of a loan is.
WITH {homes}, {lent}, {owed}
SELECT {currency} AS currency,
       o.group_id,
       o.group_name,
       b.days AS more_than_days,
       count(*) FILTER (WHERE o.days_late > b.days) AS loans,
       coalesce(sum(o.outstanding) FILTER (WHERE o.days_late > b.days), 0)::numeric(24, 4) AS at_risk,
       sum(o.outstanding)::numeric(24, 4) AS outstanding,
       (coalesce(sum(o.outstanding) FILTER (WHERE o.days_late > b.days), 0)
           / sum(o.outstanding))::numeric(10, 6) AS share
FROM owed o
CROSS JOIN (VALUES (0), (30), (60), (90)) AS b (days)
WHERE o.outstanding > 0
GROUP BY 2, 3, 4
ORDER BY 3 NULLS LAST, 2, 4
