"""The tables of a company as they are, for figures made of them by pandas: nothing here knows the SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, cast

import pandas as pd

from mpm_ops import CompanyReader, Result


class Raw:
    """A company's rows, with what several figures need of them."""

    def __init__(self, reader: CompanyReader) -> None:
        self._reader = reader
        self._known: dict[str, pd.DataFrame] = {}

    def __getitem__(self, table: str) -> pd.DataFrame:
        if table not in self._known:
            found = self._reader.table(table, max_rows=None)
            frame = pd.DataFrame(found.rows, columns=found.arrow.column_names)
            for name in frame.columns.intersection(["created_at", "updated_at", "due_date"]):
                frame[name] = pd.to_datetime(frame[name], utc=True)
            self._known[table] = frame
        return self._known[table].copy()

    def names(self, table: str, column: str = "name") -> dict[int, str]:
        """The names in a table by id."""
        return dict(zip(self[table]["id"], self[table][column], strict=True))

    @cached_property
    def homes(self) -> pd.DataFrame:
        """The village, mini-grid and cluster of each person, by id."""
        addresses = self["addresses"]
        addresses = addresses[(addresses["owner_type"] == "person") & addresses["is_primary"].astype(bool)]
        village = addresses.set_index("owner_id")["city_id"]
        grid = village.map(self.names("cities", "mini_grid_id"))
        cluster = grid.map(self.names("mini_grids", "cluster_id"))
        return pd.DataFrame(
            {
                "village": village.map(self.names("cities")),
                "mini_grid": grid.map(self.names("mini_grids")),
                "cluster": cluster.map(self.names("clusters")),
            }
        )

    @cached_property
    def devices(self) -> pd.DataFrame:
        """Each device by its serial number: whose it is, where, and what is known of it as a meter."""
        devices = self["devices"].set_index("device_serial")
        meters = self["meters"].set_index("serial_number")
        known = devices[["person_id", "device_type"]].join(self.homes, on="person_id")
        for part, table in (
            ("tariff", "tariffs"),
            ("connection_type", "connection_types"),
            ("connection_group", "connection_groups"),
        ):
            known[part] = meters[f"{part}_id"].map(self.names(table)).reindex(known.index)
        known["connected_at"] = meters["created_at"].reindex(known.index)
        return known

    @cached_property
    def payments(self) -> pd.DataFrame:
        """The transactions whose provider says that the money came, with the device that each is for."""
        said = pd.concat(
            [
                self[f"{provider}s"].assign(original_transaction_type=provider)
                for provider in ("agent_transaction", "cash_transaction", "third_party_transaction")
            ]
        ).rename(columns={"id": "original_transaction_id"})
        keys = ["original_transaction_type", "original_transaction_id"]
        found = self["transactions"].merge(said[[*keys, "status", "agent_id"]], on=keys)
        return found[found["status"] == 1].join(self.devices, on="message").rename(columns={keys[0]: "provider"})


def within(frame: pd.DataFrame, since: str, until: str, column: str = "created_at") -> pd.DataFrame:
    """The rows of a span of days in UTC."""
    at = frame[column]
    return frame[(at >= pd.Timestamp(since, tz="UTC")) & (at < pd.Timestamp(until, tz="UTC"))]


def periods(at: pd.Series, per: str | None) -> pd.Series:
    """The first day of the period of each moment."""
    if per is None:
        return pd.Series(None, index=at.index, dtype=object)
    kind = {"day": "D", "week": "W-SUN", "month": "M", "quarter": "Q", "year": "Y"}[per]
    first: pd.Series = at.dt.tz_localize(None).dt.to_period(kind).dt.start_time.dt.date
    return first


def grouped(
    frame: pd.DataFrame, keys: Sequence[Any], compute: Callable[[pd.DataFrame], tuple[Any, ...]]
) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """What is computed of the rows of each combination of `keys` (series or names of columns; None is one for all)."""
    series = {
        f"key{number}": pd.Series("", index=frame.index) if key is None else frame[key] if isinstance(key, str) else key
        for number, key in enumerate(keys)
    }
    found = frame.assign(**series).groupby(list(series), dropna=False)
    return {
        tuple(None if pd.isna(part) or part == "" else part for part in cast("tuple[Any, ...]", key)): compute(rows)
        for key, rows in found
    }


def answered(result: Result, keys: Sequence[str], values: Sequence[str]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """The rows of an answer in the same form; every combination of keys is there once."""
    columns = {name: result.arrow[name].to_pylist() for name in (*keys, *values)}
    found = {
        tuple(columns[name][row] for name in keys): tuple(columns[name][row] for name in values)
        for row in range(len(result))
    }
    assert len(found) == len(result)
    return found


def rows(result: Result, *names: str) -> list[tuple[Any, ...]]:
    """The rows of an answer, of these columns only."""
    return list(zip(*(result.arrow[name].to_pylist() for name in names), strict=True))
