"""Driving widgets in a test: waiting for what they show, and what a page gets of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import ipywidgets
import pytest

T = TypeVar("T")

#: Seconds after which a condition is given up.
_DEADLINE = 20.0


def until(condition: Callable[[], T], *, seconds: float = _DEADLINE) -> T:
    """Wait for a condition and return what it is then; fail when it does not come true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)
    return found


def states() -> str:
    """Return what a page, and a notebook that is saved with its widgets, gets of all widgets."""
    return repr([widget.get_state() for widget in _widgets()])


def shown() -> str:
    """Return all that is shown as HTML."""
    return "\n".join(widget.value for widget in _widgets() if isinstance(widget, ipywidgets.HTML))


def _widgets() -> list[Any]:
    return list(ipywidgets.widget._instances.values())


@pytest.fixture(autouse=True)
def closed_widgets() -> Iterator[None]:
    """Forget the widgets of a test."""
    yield
    ipywidgets.Widget.close_all()
