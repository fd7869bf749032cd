"""What the tests of fleets share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mpm_ops import Company


@pytest.fixture
def fleet(register: Callable[..., Company]) -> list[Company]:
    """Four companies, at the head of the core."""
    return [register(f"Company {n}") for n in range(4)]
