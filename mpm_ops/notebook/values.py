"""The values of a question's `:name`: a notebook's variables, as what psycopg can send."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from mpm_ops.analysis.params import places
from mpm_ops.errors import QueryError

_LIBRARIES = ("numpy", "pandas", "pyarrow", "polars")
_MISSING = ("NAType", "NaTType")


def bound(sql: str, given: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value for every name that stands in a question: a given one, else the variable of that name.

    In `a[:n]` the colon is the slice's unless `n` is given. All that is given is returned, so that one without a place
    is told. Raises QueryError at the place of a name that is neither, with the names that look like it.
    """
    values = dict(given)
    for place in places(sql, given):
        name = place.name
        if name is None or name in values:
            continue
        if name not in variables:
            near = difflib.get_close_matches(name, [*given, *known(variables)], n=3, cutoff=0.5)
            hint = f"Did you mean {', '.join(near)}?" if near else f"{name} = … in a cell before, or --params {name}=…"
            raise QueryError(f"there is no variable {name}", position=place.start + 1, statement=sql, hint=hint)
        values[name] = variables[name]
    return {name: sendable(value) for name, value in values.items()}


def known(variables: Mapping[str, Any]) -> list[str]:
    """Return the names that somebody gave, without those that IPython keeps."""
    return [name for name in variables if not name.startswith("_") and name not in ("In", "Out", "exit", "quit")]


def sendable(value: Any) -> Any:
    """Return a value of numpy, pandas, pyarrow or polars as Python's own, a series as a list, NA and NaT as None."""
    if isinstance(value, (list, tuple)):
        return [sendable(one) for one in value]
    kind = type(value)
    if kind.__module__.partition(".")[0] not in _LIBRARIES:
        return value
    if kind.__name__ in _MISSING:
        return None
    for method in ("to_pydatetime", "to_pytimedelta"):
        if hasattr(value, method) and not hasattr(value, "__len__"):
            return _without_nanoseconds(value, method)
    if hasattr(value, "as_py"):
        return value.as_py()
    for method in ("tolist", "to_list", "to_pylist"):
        if hasattr(value, method) and hasattr(value, "__len__") and getattr(value, "ndim", 1) > 0:
            return [sendable(one) for one in _datetimes(value, method)]
    return _scalar(value) if hasattr(value, "item") else value


def _without_nanoseconds(value: Any, method: str) -> Any:
    """Return pandas' time as Python's, which PostgreSQL keeps as well: to the microsecond."""
    return getattr(value.floor("us"), method)()


def _datetimes(values: Any, method: str) -> Any:
    """Return the items of an array; numpy would give its nanoseconds as integers."""
    is_time = getattr(getattr(values, "dtype", None), "kind", "") in "mM" and type(values).__module__ == "numpy"
    return list(values) if is_time else getattr(values, method)()


def _scalar(value: Any) -> Any:
    item = value.item()
    is_time = getattr(value.dtype, "kind", "") in "mM"
    return value.astype(f"{value.dtype.kind}8[us]").item() if is_time and isinstance(item, int) else item
