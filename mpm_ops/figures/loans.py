"""Figures of appliances and solar home systems that were sold on credit."""

from __future__ import annotations

from typing import Literal, TypeVar

from mpm_ops.figures.asking import Asking, Day, Period, day, one_of, span

R = TypeVar("R")
#: What loans are given by.
Kind = Literal["appliance_type", "appliance", "village", "mini_grid", "cluster"]


class Loans(Asking[R]):
    """Loans, the portfolio at risk, the collection rate."""

    def loans(self, on: Day | None = None, *, by: Kind | None = "appliance_type") -> R:
        """Return what was sold on credit: paid, outstanding, overdue.

        Rule: paid is rate_cost - remaining of all rates, outstanding what remains, overdue what remains of rates that
        were due before the day `on`. The down payment is beside them. Sales that were taken back (deleted) do not
        count. Energy-as-a-service has no rates: its three sums are NULL.
        Unit: the company's currency, exact.
        Time: `due_date`, UTC, against the day `on`; default: today. What remains is as it is now, whatever the day: no
        history of it is kept.
        Source: MPM's figure 12.
        Columns: currency text, group_id bigint, group_name text (NULL without `by`, and where it is not known),
        payment_type text (installment, energy_service), loans bigint, total_cost decimal, down_payments decimal,
        paid decimal, outstanding decimal, overdue decimal, overdue_loans bigint.
        """
        return self._figure("loans", on=day(on), by=one_of(Kind, by))

    def portfolio_at_risk(self, on: Day | None = None, *, by: Kind | None = None) -> R:
        """Return how much of what is outstanding is owed by those who are late: four rows, for 0, 30, 60 and 90 days.

        Rule: a loan is as late as its oldest unpaid rate. At risk is all that is outstanding of loans which are more
        than so many days late, also what is not due yet: the sector's PAR30, PAR60, PAR90; 0 is whoever is late.
        Unit: the company's currency, exact; share is at_risk / outstanding, from 0 to 1.
        Time: `due_date`, UTC, against the day `on`; what remains is as it is now. See `loans`.
        Source: MPM does not answer it.
        Columns: currency text, group_id bigint, group_name text (as in `loans`), more_than_days integer, loans bigint,
        at_risk decimal, outstanding decimal (of the whole group), share decimal.
        """
        return self._figure("portfolio_at_risk", on=day(on), by=one_of(Kind, by))

    def collection_rate(self, since: Day, until: Day, *, per: Period | None = None, by: Kind | None = None) -> R:
        """Return how much of what fell due has been paid.

        Rule: paid / due of the rates that were due in the period, whenever they were paid. Down payments are no rates.
        Unit: the company's currency, exact; the rate is a share, from 0 to 1.
        Time: `due_date`, UTC, from `since` to before `until`; what has been paid of it is as it is now. Rates that are
        due in the future are in it when `until` is.
        Source: MPM does not answer it.
        Columns: currency text, period date (its first day; NULL without `per`), group_id bigint, group_name text (as
        in `loans`), rates bigint, due decimal, paid decimal, collection_rate decimal.
        """
        return self._figure("collection_rate", **span(since, until), per=one_of(Period, per), by=one_of(Kind, by))
