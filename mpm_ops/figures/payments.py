"""Figures of what was paid, and of what it bought."""

from __future__ import annotations

from typing import Literal, TypeVar

from mpm_ops.figures.asking import Asking, Day, Part, Period, one_of, span

R = TypeVar("R")
#: What revenue is given by: a part of the business, or who passed the money on.
Source = Literal["village", "mini_grid", "cluster", "tariff", "connection_type", "connection_group", "provider"]
#: Who passed the money on: a system, or an agent.
Channel = Literal["provider", "agent"]


class Payments(Asking[R]):
    """Revenue, energy, revenue per customer, and what payments were for."""

    def revenue(self, since: Day, until: Day, *, per: Period | None = None, by: Source | None = None) -> R:
        """Return the money that came in.

        Rule: the sum of the payments that succeeded. The provider's row tells that (status 1); of a plugin's provider,
        whose table is not in every database, that the payment made a token or is in `payment_histories`. A payment
        belongs to the device whose serial number is its `message`, and to where the device's owner lives today:
        whoever moves takes past payments along. One with an unknown serial number counts, in the group NULL.
        Unit: the company's currency, exact.
        Time: `transactions.created_at`, UTC, from `since` to before `until`.
        Source: MPM's dashboards 1, 2, 3, 5 and report 13. Unlike MPM: a person with two primary addresses counts
        once; the last day is whole; clusters by connection group work, which there ask for a column that is gone;
        payments of those who were deleted stay; and revenue can be given by tariff.
        Columns: currency text, period date (its first day; NULL without `per`), group_id bigint, group_name text
        (NULL without `by`, and where it is not known), payments bigint, revenue decimal. A period without payments
        has no row.
        """
        return self._figure("revenue", **span(since, until), per=one_of(Period, per), by=one_of(Source, by))

    def energy(self, since: Day, until: Day, *, per: Period | None = None, by: Part | None = None) -> R:
        """Return the energy that was sold to meters.

        Rule: the sum of `token_amount` over the tokens for energy of payments that succeeded (see `revenue`), for
        devices that are meters: the token's device, or the payment's where the token knows none. Sold, not used: a
        token may lie unused.
        Unit: kWh: `token_amount` is a double and added up as one, the sum rounded to three decimals.
        Time: that of the payment, as in `revenue`, so that one goes with the other: from `since` to before `until`.
        Source: MPM's dashboard 3. Unlike MPM: tokens for days or in other units, and those of payments that failed,
        are not added to kWh; and MPM goes by the time of the token.
        Columns: period date, group_id bigint, group_name text (as in `revenue`), tokens bigint, energy_kwh decimal.
        """
        return self._figure("energy", **span(since, until), per=one_of(Period, per), by=one_of(Part, by))

    def arpu(self, since: Day, until: Day, *, per: Period | None = None, by: Part | None = None) -> R:
        """Return the average revenue per user.

        Rule: `revenue` of devices that somebody has, divided by the people who paid in the same period and group.
        Who paid in several groups counts in each.
        Unit: the company's currency per paying customer and period, four decimals.
        Time: that of the payment, from `since` to before `until`.
        Source: MPM does not answer it (its report 13 has an average per customer in one village).
        Columns: currency text, period date, group_id bigint, group_name text (as in `revenue`), customers bigint,
        revenue decimal, arpu decimal.
        """
        return self._figure("arpu", **span(since, until), per=one_of(Period, per), by=one_of(Part, by))

    def payment_flow(self, since: Day, until: Day, *, per: Period | None = None, by: Channel | None = None) -> R:
        """Return what payments were for: energy, access rate, installment, down payment ...

        Rule: the sum of `payment_histories` of payments that succeeded (see `revenue`), by `payment_type`.
        Unit: the company's currency, exact.
        Time: that of the payment, not of the row that splits it, from `since` to before `until`: so that the parts
        add up to revenue where all of it was split.
        Source: MPM's figure 10. Unlike MPM: an agent's payments are those that the agent took. There they are those of
        all who live in the agent's mini-grid, and two agents in one share their figures.
        Columns: currency text, period date, payment_type text, group_id bigint (the agent), group_name text (provider,
        or the agent's name, masked as all names are), payments bigint, amount decimal.
        """
        return self._figure("payment_flow", **span(since, until), per=one_of(Period, per), by=one_of(Channel, by))
