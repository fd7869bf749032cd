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


def tools(major: int) -> Tools | None:
    """Return the programs for a server of this major version; None when they are not installed.

    Of the very same: a pg_dump does not read a newer server, and a newer pg_restore sets what an older server does
    not know (transaction_timeout, since 17).
    """
    for folder in _folders(major):
        found = Tools(pg_dump=folder / "pg_dump", pg_restore=folder / "pg_restore")
        if _major(found.pg_dump) == _major(found.pg_restore) == major:
            return found
    return None


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
    with subprocess.Popen(command, env=environment, stdin=stdin, stdout=stdout, stderr=said) as process:  # noqa: S603 PostgreSQL's own program
        try:
            yield process
        finally:
            process.kill()


def _folders(major: int) -> list[Path]:
    """Where the programs may be: on the PATH, where Debian and Red Hat put each version, beside the embedded server."""
    folders = [Path("/usr/lib/postgresql", str(major), "bin"), Path(f"/usr/pgsql-{major}/bin")]
    if (path := shutil.which("pg_dump")) is not None:
        folders.insert(0, Path(path).parent)
    with suppress(EmbeddedServerError):  # the extra is not installed
        folders.append(binaries.installed() / binaries.BIN)
    return folders


def _major(program: Path) -> int | None:
    """Return 18 for a program of PostgreSQL 18.6; None when it cannot be run."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=30)  # noqa: S603 the same
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"\) (\d+)", done.stdout)
    return int(version[1]) if version else None
