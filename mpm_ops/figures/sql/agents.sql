-- agents: what each of them collected, sold and earned in a span, and the balance at its end.
WITH payments AS (
    {succeeded}
),
collected AS (
    SELECT o.agent_id, count(*) AS payments, sum(p.amount) AS amount
    FROM payments p
    JOIN agent_transactions o ON o.id = p.provider_id
    WHERE p.provider = 'agent_transaction'
    GROUP BY 1
),
sold AS (
    SELECT l.creator_id AS agent_id, count(*) AS appliances, sum(l.total_cost) AS amount,
           count(DISTINCT l.person_id) AS customers
    FROM appliance_people l
    WHERE l.creator_type = 'agent' AND l.deleted_at IS NULL AND l.created_at >= {since} AND l.created_at < {until}
    GROUP BY 1
),
earned AS (
    SELECT b.agent_id, sum(b.amount) AS amount
    FROM agent_balance_histories b
    WHERE b.trigger_type = 'agent_commission' AND b.amount > 0 AND b.created_at >= {since} AND b.created_at < {until}
    GROUP BY 1
),
ledger AS (
    SELECT DISTINCT ON (b.agent_id) b.agent_id, b.available_balance
    FROM agent_balance_histories b
    WHERE b.trigger_type <> 'agent_commission' AND b.created_at < {until}
    ORDER BY b.agent_id, b.created_at DESC, b.id DESC
)
SELECT {currency} AS currency,
       a.id AS agent_id,
       {agent_name} AS agent,
       g.id AS mini_grid_id,
       g.name::text AS mini_grid,
       coalesce(c.payments, 0) AS payments,
       coalesce(c.amount, 0)::numeric(24, 4) AS collected,
       coalesce(s.appliances, 0) AS appliances,
       coalesce(s.amount, 0)::numeric(24, 4) AS sales,
       coalesce(s.customers, 0) AS customers,
       coalesce(e.amount, 0)::numeric(24, 4) AS commission,
       coalesce(l.available_balance, 0)::numeric(24, 4) AS balance
FROM agents a
JOIN mini_grids g ON g.id = a.mini_grid_id
LEFT JOIN collected c ON c.agent_id = a.id
LEFT JOIN sold s ON s.agent_id = a.id
LEFT JOIN earned e ON e.agent_id = a.id
LEFT JOIN ledger l ON l.agent_id = a.id
WHERE coalesce(a.created_at, '-infinity') < {until}
ORDER BY a.id
