-- payment_flow: what payments were for, by the time of the payment.
WITH {payments},
flow AS (
    SELECT date_trunc(:per::text, p.created_at AT TIME ZONE 'UTC')::date AS period,
           h.payment_type,
           o.agent_id,
           CASE :by::text WHEN 'provider' THEN p.provider END AS provider,
           count(DISTINCT p.id) AS payments,
           sum(h.amount)::numeric(24, 4) AS amount
    FROM payments p
    JOIN payment_histories h ON h.transaction_id = p.id
    LEFT JOIN agent_transactions o
        ON :by::text = 'agent' AND p.provider = 'agent_transaction' AND o.id = p.provider_id
    GROUP BY 1, 2, 3, 4
)
SELECT {currency} AS currency,
       f.period,
       f.payment_type,
       f.agent_id AS group_id,
       coalesce(f.provider, (SELECT {agent_name} FROM agents a WHERE a.id = f.agent_id)) AS group_name,
       f.payments,
       f.amount
FROM flow f
ORDER BY 2, 3, 5 NULLS LAST, 4
