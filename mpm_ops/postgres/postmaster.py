"""Which process serves a data directory: reads `postmaster.pid`, and tells a live postmaster from what one left."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

#: The largest socket path that fits every system's `sockaddr_un`: 108 bytes on Linux, 104 on macOS, with the NUL.
LONGEST_SOCKET = 107 if Path("/proc/self").exists() else 103


@dataclass(frozen=True, kw_only=True)
class PidFile:
    """What the postmaster wrote about itself."""

    pid: int
    #: starting, ready, stopping ...; empty in the first moments.
    status: str


def read_pid_file(data: Path) -> PidFile | None:
    """Return what `postmaster.pid` says; None when there is none, or nothing in it yet."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        pid = int(lines[0])
    except (FileNotFoundError, NotADirectoryError, IndexError, ValueError):
        return None
    # A negative pid is a single-user session, which accepts nobody.
    return PidFile(pid=pid, status=lines[7].strip() if len(lines) > 7 else "") if pid > 0 else None


def listens(path: Path) -> bool:
    """Tell whether a server listens on the Unix socket `path`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(2)
        try:
            client.connect(os.fspath(path))
        except BlockingIOError:
            return True  # so busy that its queue is full
        except OSError:
            return False
    return True


def exists(pid: int) -> bool:
    """Tell whether the process is there and not a zombie."""
    try:
        # The state follows the name, which is in parentheses and may hold anything.
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return not Path("/proc/self").exists() and signalable(pid)
    return state not in "ZX"


def signalable(pid: int) -> bool:
    """Tell whether the process id is taken, by a zombie too."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def serves(pid: int, data: Path, path: Path) -> bool:
    """Tell whether `pid` is the postmaster of `data`, and not another program that was given the same number."""
    if not Path("/proc/self").exists():
        return listens(path)
    try:
        # A postmaster works in its data directory, however that is spelled. A zombie works nowhere.
        at_home = os.path.samestat(Path(f"/proc/{pid}/cwd").stat(), data.stat())
        return at_home and Path(f"/proc/{pid}/comm").read_text().strip() == "postgres"
    except OSError:
        return False
