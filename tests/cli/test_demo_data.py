"""demo-data: how many rows, how fast, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

from mpm_ops import Company
from tests.cli.conftest import Run

Register = Callable[..., Company]


def test_it_tells_the_rows_and_refuses_a_second_time(run: Run, register: Register) -> None:
    register()
    line = ("demo-data", "1", "--customers", "30", "--seed", "7", "--until", "2026-11-23")
    made = run(*line, "--json")
    assert made.code == 0, made.err
    assert made.json["rows"] > 1000
    assert run("query", "1", "SELECT max(created_at)::date FROM transactions", "--format", "csv").out.endswith(
        "2026-11-23\n"
    )
    again = run(*line)
    assert again.code == 2
    assert "has customers already" in again.err


def test_it_tells_people_how_fast_it_was(run: Run, register: Register) -> None:
    register()
    made = run("demo-data", "1", "--customers", "30", "--country", "NP")
    assert made.code == 0, made.err
    assert "a second" in made.out
    assert run("query", "1", "SELECT currency FROM main_settings", "--format", "csv").out.endswith("NPR\n")


def test_what_cannot_be_is_refused(run: Run, register: Register) -> None:
    register()
    assert "customers is 3" in run("demo-data", "1", "--customers", "3").err
    assert "none of TZ, SN, NP" in run("demo-data", "1", "--country", "XX").err
    assert "is no day" in run("demo-data", "1", "--until", "soon").err
