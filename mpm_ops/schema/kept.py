"""Revision files as Alembic has read them, kept for the process: the same files are read once.

Reading the shipped ones takes a tenth of a second, and a scheduler or a notebook opens an `Ops` for every question.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

#: So many trees are kept; the oldest makes room.
_MOST = 4

_lock = threading.Lock()
_kept: dict[str, ScriptDirectory] = {}


def kept(places: Sequence[Path], read: Callable[[], ScriptDirectory]) -> ScriptDirectory:
    """Return what `read` made of the revision files in these folders, as long as no byte of them is another."""
    # Taken before they are read: a file that is written meanwhile makes the next one read again.
    key = _fingerprint(places)
    with _lock:
        found = _kept.get(key)
    if found is None:
        found = read()
        with _lock:
            _kept[key] = found
            while len(_kept) > _MOST:
                del _kept[next(iter(_kept))]
    return found


def forget() -> None:
    """Read all revision files again at the next use, also what they import their own text from."""
    with _lock:
        _kept.clear()


def _fingerprint(places: Sequence[Path]) -> str:
    """Return a hash of the files' names and bytes.

    Not of their times: two versions that are written within one tick of the file system's clock have the same one.
    """
    digest = hashlib.sha256()
    for place in places:
        digest.update(f"\0{place}\0".encode())
        for path in sorted(place.glob("*.py")):
            text = path.read_bytes()
            digest.update(f"{path.name}\0{len(text)}\0".encode() + text)
    return digest.hexdigest()
