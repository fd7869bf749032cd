"""Figures of connections and customers."""

from __future__ import annotations

from typing import Literal, TypeVar

from mpm_ops.figures.asking import (
    ACTIVE_DAYS,
    Asking,
    Day,
    Part,
    Place,
    day,
    days,
    exactly_one_of,
    one_of,
    span,
)

R = TypeVar("R")
#: Who has targets.
Aim = Literal["mini_grid", "cluster"]


class Customers(Asking[R]):
    """Connections, targets, who is active and who left."""

    def connections(self, since: Day, until: Day, *, by: Part | None = None) -> R:
        """Return how many connections there are, and how many of them are new.

        Rule: a connection is a meter that somebody has; one in stock is none. It belongs to where its owner lives.
        Unit: meters.
        Time: `meters.created_at`, UTC: connections at the end of the day before `until`, new ones from `since` on.
        A meter without that date is an old one.
        Source: MPM's dashboards 3 and 4. Unlike MPM: all new connections of the span count, not those of its first
        week; and clusters work, as in `revenue`.
        Columns: group_id bigint, group_name text (NULL without `by`, and where it is not known), connections bigint,
        new_connections bigint.
        """
        return self._figure("connections", **span(since, until), by=one_of(Part, by))

    def targets(self, since: Day, until: Day, *, by: Aim = "mini_grid") -> R:
        """Return what each mini-grid or cluster is to reach, by connection group, beside what it did.

        Rule: the next target on the last day of the span: the one with the earliest `target_date` from then on. Of a
        cluster its own, where it has one; else the sum of its mini-grids' next ones, in which those without a target
        are missing: its date is their first, and its average that of their averages, weighted by their connections.
        Revenue, energy and connections as in the figures of these names, meters only. Averages are for a month of
        30.4375 days, revenue's per connection at the end.
        Unit: the company's currency, kWh, kW, meters.
        Time: from `since` to before `until`, UTC.
        Source: MPM's figure 4. Unlike MPM: one target counts for each mini-grid, not all of its future ones; averages
        are not added up; a cluster's own target is not passed over; clusters by connection group work, which there ask
        for a column that is gone; all new connections count; what has no target is NULL, not '-'.
        Columns: currency text, cluster_id bigint, cluster text, mini_grid_id bigint, mini_grid text (NULL of clusters),
        connection_group_id bigint, connection_group text, target_date date, target_new_connections bigint,
        new_connections bigint, connections bigint, target_revenue decimal, revenue decimal,
        target_energy_kwh_per_month double, energy_kwh_per_month decimal, target_average_revenue_per_month decimal,
        average_revenue_per_month decimal, target_power_kw double.
        """
        return self._figure("targets", **span(since, until), by=exactly_one_of(Aim, by))

    def customers(self, on: Day | None = None, *, days_active: int = ACTIVE_DAYS, by: Place | None = None) -> R:
        """Return how many customers there are, and how many of them are active.

        Rule: active is who has paid within the last `days_active` days; inactive is everybody else, also who never
        paid. Who was deleted before the day `on` began does not count, nor who was written down after that.
        Unit: people.
        Time: `payment_histories.created_at`, UTC, as things stood when the day `on` began; default: today. Of people
        `created_at` and `deleted_at`; one without the first is an old one.
        Source: MPM's figure 11 and its export of customers.
        Columns: group_id bigint, group_name text (as in `connections`), customers bigint, active bigint,
        inactive bigint, never_paid bigint (of the inactive).
        """
        return self._figure("customers", on=day(on), days=days(days_active), by=one_of(Place, by))

    def churn(self, since: Day, until: Day, *, days_active: int = ACTIVE_DAYS, by: Place | None = None) -> R:
        """Return how many of those who were active are so no more.

        Rule: active as in `customers` on the days `since` and `until`: the same people. Lost is who was and is not;
        gained who was not and is. Churn is lost / active at the start, NULL without any. Who was deleted meanwhile is
        lost.
        Unit: people; churn is a share, from 0 to 1.
        Time: `payment_histories.created_at`, UTC.
        Source: MPM does not answer it; what active means is its export's.
        Columns: group_id bigint, group_name text (as in `connections`), active_at_start bigint, lost bigint,
        gained bigint, active_at_end bigint, churn decimal.
        """
        return self._figure("churn", **span(since, until), days=days(days_active), by=one_of(Place, by))
