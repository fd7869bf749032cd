-- loans: sales on credit as they stand: paid, outstanding, overdue.
WITH {homes}, {lent}, {owed}
SELECT {currency} AS currency,
       o.group_id,
       o.group_name,
       o.payment_type,
       count(*) AS loans,
       sum(o.total_cost)::numeric(24, 4) AS total_cost,
       coalesce(sum(o.down_payment), 0)::numeric(24, 4) AS down_payments,
       sum(o.paid)::numeric(24, 4) AS paid,
       sum(o.outstanding)::numeric(24, 4) AS outstanding,
       CASE WHEN count(o.outstanding) > 0 THEN coalesce(sum(o.overdue), 0) END::numeric(24, 4) AS overdue,
       count(o.days_late) AS overdue_loans
FROM owed o
GROUP BY 2, 3, 4
ORDER BY 3 NULLS LAST, 2, 4
