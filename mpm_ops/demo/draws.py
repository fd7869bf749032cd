"""Drawing many things at once: words, digits, places, and hours at which people pay."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpm_ops.demo.book import Array, Floats, Integers, Moments, Texts

#: How many pay in each hour of a day (UTC): few at night, most in the evening.
_HOURS = np.array([1] * 5 + [3] * 4 + [5] * 4 + [4] * 4 + [9] * 4 + [3] * 3)


def texts(words: Sequence[str]) -> Texts:
    """Return words as an array that others are taken from."""
    return np.array([word.encode() for word in words])


def digits(numbers: Integers, width: int) -> Texts:
    """Return numbers as text of so many digits."""
    tens = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return _joined((numbers[:, None] // tens % 10 + ord("0")).astype(np.uint8))


def codes(rng: np.random.Generator, count: int) -> Texts:
    """Return as many token codes: five groups of four digits."""
    drawn = rng.integers(ord("0"), ord("9") + 1, (count, 24), dtype=np.uint8)
    drawn[:, 4::5] = ord("-")
    return _joined(drawn)


def references(rng: np.random.Generator, count: int) -> Texts:
    """Return as many references of another system: ten hexadecimal digits."""
    return _joined(np.frombuffer(b"0123456789ABCDEF", np.uint8)[rng.integers(0, 16, (count, 10))])


def _joined(characters: Array) -> Texts:
    return np.ascontiguousarray(characters).view(f"S{characters.shape[1]}").ravel()


def time_of_day(rng: np.random.Generator, count: int) -> Array:
    """Return as many times of day at which people pay."""
    hours = rng.choice(24, count, p=_HOURS / _HOURS.sum())
    return (hours * 3600 + rng.integers(0, 3600, count)).astype("m8[s]")


def weekdays(moments: Moments) -> Integers:
    """Return the weekday of each moment; Monday is 0."""
    # The first of January 1970 was a Thursday.
    return (moments.astype("M8[D]").astype(np.int64) + 3) % 7


def points(latitudes: Floats, longitudes: Floats) -> Texts:
    """Return GeoJSON points: longitude first, as the format has it."""
    form = b'{"type": "Point", "coordinates": [%.5f, %.5f]}'
    return np.array([form % place for place in zip(longitudes.tolist(), latitudes.tolist(), strict=True)])
