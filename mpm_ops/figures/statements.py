"""The questions behind the figures: a file of SQL each, with the rules that they share put in by name."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def statement(figure: str) -> str:
    """Return the question of a figure as it is asked, with its placeholders."""
    return _text(figure).format(**_shared()).rstrip()


@cache
def _shared() -> dict[str, str]:
    """Return the sections of shared.sql by name. One may use those that stand before it."""
    found: dict[str, str] = {}
    for part in _text("shared").split("\n-- section: ")[1:]:
        name, _, body = part.partition("\n")
        found[name] = body.format(**found).strip()
    return found


def _text(name: str) -> str:
    return resources.files("mpm_ops.figures").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
