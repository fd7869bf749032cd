"""Files that are there once they are whole."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mpm_ops.errors import UsageError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Lend the path of a file beside this one; it takes its name at the end of the block, and is gone after an error.

    Raises UsageError when it cannot be written; there is no file then, or the one of before.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        part.replace(path)
    except OSError as exc:
        raise UsageError(f"{path} cannot be written: {exc.strerror or exc}") from exc
    finally:
        part.unlink(missing_ok=True)
