"""Copying a database while it is in use: pg_dump piped into pg_restore, where CREATE DATABASE TEMPLATE is refused."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mpm_ops.errors import EmbeddedServerError, ServerError
from mpm_ops.postgres import binaries
from mpm_ops.postgres.server import Server

#: How long pg_dump waits for a table that somebody has locked, in milliseconds: others queue behind it.
_LOCK_TIMEOUT = 2_000


@dataclass(frozen=True, kw_only=True)
class Tools:
    """The two programs, of one version of PostgreSQL."""

    pg_dump: Path
    pg_restore: Path
    #: 18 of 18.6.
    major: int


def tools(server_version: int) -> Tools | None:
    """Return the programs to use with a server of this version (180006 is 18.6); None when there are none.

    They are looked for on the PATH and in the wheel of the embedded server. A pg_dump does not read a newer server;
    an older server may not know what a newer pg_restore says: the nearest version serves best.
    """
    found = [one for folder in _folders() if (one := _tools_in(folder)) and one.major >= server_version // 10_000]
    return min(found, key=lambda one: one.major, default=None)


def copy(tools: Tools, server: Server, source: str, target: str, *, role: str) -> None:
    """Fill the empty database `target` with what `source` holds at this moment, as `role`, which will own it.

    Nobody in `source` is disturbed: it is read in one snapshot. Grants do not come along. Raises ServerError.
    """
    options = ["--no-owner", "--no-privileges", "--no-subscriptions", f"--role={role}"]
    ours = ["--format=custom", "--compress=0", f"--lock-wait-timeout={_LOCK_TIMEOUT}"]
    dump = [str(tools.pg_dump), *ours, *options, source]
    restore = [str(tools.pg_restore), "--exit-on-error", *options, f"--dbname={target}"]
    environment = {**os.environ, **server.environment(source), "PGAPPNAME": "mpm_ops/copy"}
    with (
        tempfile.TemporaryFile() as said,
        _running(dump, environment, said, stdout=subprocess.PIPE) as reading,
        _running(restore, environment, said, stdin=reading.stdout) as writing,
    ):
        if reading.stdout is not None:
            reading.stdout.close()  # the other process has it: it alone tells pg_dump when to stop
        codes = (writing.wait(), reading.wait())
        if any(codes):
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()
            raise ServerError(f"its copy by pg_dump failed: {lines[0] if lines else f'exit codes {codes}'}")


@contextmanager
def _running(
    command: Sequence[str],
    environment: dict[str, str],
    said: IO[bytes],
    *,
    stdin: IO[bytes] | int | None = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program for a block; it does not outlive it."""
    with subprocess.Popen(command, env=environment, stdin=stdin, stdout=stdout, stderr=said) as process:  # noqa: S603
        try:
            yield process
        finally:
            process.kill()


def _folders() -> list[Path]:
    folders = []
    if (path := shutil.which("pg_dump")) is not None:
        folders.append(Path(path).parent)
    with suppress(EmbeddedServerError):  # the extra is not installed
        folders.append(binaries.installed() / binaries.BIN)
    return folders


def _tools_in(folder: Path) -> Tools | None:
    pg_dump, pg_restore = folder / "pg_dump", folder / "pg_restore"
    if not os.access(pg_restore, os.X_OK):
        return None
    try:
        done = subprocess.run([pg_dump, "--version"], capture_output=True, text=True, check=False, timeout=30)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"\) (\d+)", done.stdout)
    return Tools(pg_dump=pg_dump, pg_restore=pg_restore, major=int(version[1])) if version else None
