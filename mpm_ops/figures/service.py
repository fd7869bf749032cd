"""Figures of those who serve the customers: agents, tickets, text messages."""

from __future__ import annotations

from typing import Literal, TypeVar

from mpm_ops.figures.asking import Asking, Day, Period, one_of, span

R = TypeVar("R")
#: What tickets are given by.
Subject = Literal["category", "village", "mini_grid", "cluster"]


class Service(Asking[R]):
    """Agents, tickets, text messages."""

    def agents(self, since: Day, until: Day) -> R:
        """Return what each agent collected, sold and earned, and the balance of the account.

        Rule: collected are the payments that the agent took and that succeeded; sales the cost of the appliances sold,
        down to as many customers; commission what the ledger credits for it; balance what the ledger says after its
        last row that moves it. An agent without any has 0.
        Unit: the company's currency, exact.
        Time: UTC, from `since` to before `until`: of the payment, the sale, the ledger's row. Balance: at the end.
        Source: MPM's figures 8 and 9. Unlike MPM: commission is what was earned in the span. There it is the agent's
        whole commission so far, once for each sale.
        Columns: currency text, agent_id bigint, agent text (the name, masked as all names are), mini_grid_id bigint,
        mini_grid text, payments bigint, collected decimal, appliances bigint, sales decimal, customers bigint,
        commission decimal, balance decimal. All agents that there were by then, one row each.
        """
        return self._figure("agents", **span(since, until))

    def tickets(self, since: Day, until: Day, *, per: Period | None = None, by: Subject | None = "category") -> R:
        """Return how many tickets were opened and closed.

        Rule: opened is when the ticket was made; closed is when a ticket that is closed now was changed last. A ticket
        belongs to where the person lives whom it is about.
        Unit: tickets.
        Time: `created_at` and `updated_at`, UTC, from `since` to before `until`. No time of closing is kept: whatever
        changes a closed ticket moves it.
        Source: MPM's figures 3 and 6. Unlike MPM: a ticket counts once, also of people with two addresses; one that
        is about no person is not taken for one about whom has the same id.
        Columns: period date (its first day; NULL without `per`), group_id bigint, group_name text (NULL without `by`,
        and where it is not known), opened bigint, closed bigint.
        """
        return self._figure("tickets", **span(since, until), per=one_of(Period, per), by=one_of(Subject, by))

    def sms(self, since: Day, until: Day, *, per: Period | None = None) -> R:
        """Return how many text messages came in and went out, and what became of them.

        Rule: by `direction` and by the `status` that each has now.
        Unit: messages.
        Time: `sms.created_at`, UTC, from `since` to before `until`.
        Source: the table `sms`; MPM's dashboards do not answer it.
        Columns: period date (its first day; NULL without `per`), direction text (incoming, outgoing), messages bigint,
        stored bigint, sent bigint, delivered bigint, failed bigint.
        """
        return self._figure("sms", **span(since, until), per=one_of(Period, per))
