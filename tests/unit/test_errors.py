"""Errors as a few lines, with a caret under the place."""

from __future__ import annotations

import pickle
import traceback

import pytest
from rich.cells import cell_len

from mpm_ops.errors import QueryError, UnknownCompany


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT nme FROM people",
        "SELECT 1,\n\tnme\nFROM people",
        "SELECT '北京', nme",
        "SELECT 'Te\u0301ranga', nme",
        "SELECT 'हिमाल ऊर्जा', nme",
        f"SELECT {'1, ' * 60}nme, {'2, ' * 60}3",
        f"SELECT '{'北' * 80}', nme",
    ],
)
def test_the_caret_is_under_the_place(statement: str) -> None:
    error = QueryError("no nme", position=statement.index("nme") + 1, statement=statement, sqlstate="42703")
    _, line, caret = error.lines()
    before, _, after = line.partition("nme")
    assert line[len(before) :].startswith("nme")
    assert cell_len(before) == len(caret) - 1
    assert "\n" not in after


def test_an_error_takes_no_more_lines_than_it_has_parts() -> None:
    error = QueryError("one\ntwo", position=1, statement="SELECT\n1", hint="three\nfour", company="Acme")
    assert error.lines() == ["QueryError: Acme: one two", "  SELECT", "  ^", "Hint: three four"]


def test_a_hint_stands_below_a_traceback_of_plain_python() -> None:
    error = UnknownCompany("there is no company 'Acne'", hint="Did you mean\x1b Acme?")
    assert "".join(traceback.format_exception(error)).endswith("'Acne'\nHint: Did you mean␛ Acme?\n")
    error.hint = "Did you mean Acme?"
    error.add_note("of somebody else")
    assert error.__notes__ == ["Hint: Did you mean Acme?", "of somebody else"]
    error.hint = ""
    again = pickle.loads(pickle.dumps(error))  # as it crosses to another process
    assert (again.hint, again.__notes__) == ("", ["of somebody else"])


@pytest.mark.parametrize("position", [0, 7, 10**6])
def test_a_position_outside_of_the_text_is_no_harm(position: int) -> None:
    assert len(QueryError("x", position=position, statement="SELECT").lines()) == 3
