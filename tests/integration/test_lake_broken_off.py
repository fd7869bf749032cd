"""Exports that are refused, broken off or killed, and files that somebody touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from mpm_ops import Company, Ops
from mpm_ops.analysis.export import LIMITS
from mpm_ops.errors import Busy, FleetFailed
from mpm_ops.lake import company, layout
from mpm_ops.postgres import databases
from mpm_ops.postgres.server import Server
from mpm_ops.records import Exported
from tests.benchmarks.surroundings import surroundings
from tests.integration.lakes import ROOT, Edit, Register, files, no_room_for, paths, rows, same
from tests.integration.lakes import acme as acme
from tests.integration.lakes import edit as edit
from tests.integration.lakes import lake as lake
from tests.integration.lakes import scenes as scenes
from tests.integration.lakes import sun as sun
from tests.integration.test_fleet import held

pytestmark = pytest.mark.slow  # they wait for locks, and kill processes


def test_one_table_that_is_locked_keeps_no_other_back(
    ops: Ops, acme: Company, lake: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their marks are asked for at once, and then one by one."""
    monkeypatch.setattr(company, "LIMITS", replace(LIMITS, lock=200))
    with held(server, acme, "LOCK TABLE meters"):
        account = ops.export(["transactions", "meters", "people"], to=lake, errors="collect")
    assert [(one.table, one.written, bool(one.error)) for one in account.tables] == [
        ("transactions", 4, False),
        ("meters", 0, True),
        ("people", 0, False),
    ]
    assert "lock timeout" in account.errors["Acme Power"]


def test_a_file_that_somebody_touched_is_written_anew(ops: Ops, acme: Company, lake: Path) -> None:
    ops.export(["transactions"], to=lake)
    gone, short, other, strange = (lake / path for path in paths(lake))
    gone.unlink()
    short.write_bytes(short.read_bytes()[:-1])
    content = bytearray(other.read_bytes())
    content[50] ^= 1
    other.write_bytes(content)
    strange.with_name("old.parquet").write_bytes(strange.read_bytes())
    assert files(ops.export(["transactions"], to=lake)) == (2, 2, 1)
    assert files(ops.export(["transactions"], to=lake, verify=True)) == (1, 3, 0)
    assert same(lake, "transactions", ops.company(acme.id))
    manifest = lake / f"transactions/company={acme.id}/_manifest.json"
    for nonsense in ("", "[]", '{"format": 1}', '{"format": 99}'):
        manifest.write_text(nonsense)
        assert files(ops.export(["transactions"], to=lake)) == (4, 0, 0)


def test_a_company_that_fails_keeps_no_other_back(
    ops: Ops, acme: Company, sun: Company, register: Register, lake: Path, server: Server
) -> None:
    broken = register("Broken <b>/../x")
    ops.export(["transactions"], to=lake)
    with server.connect("postgres") as connection:
        databases.drop(connection, broken.database)
    with pytest.raises(FleetFailed, match="1 of 3 companies did not answer") as raised:
        ops.export(["transactions"], to=lake, full=True)
    assert isinstance(raised.value.report, Exported)
    assert files(raised.value.report) == (8, 0, 0)
    account = ops.export(["transactions"], to=lake, errors="collect")
    assert list(account.errors) == [broken.name]
    assert not account.ok
    assert files(account) == (0, 8, 0)
    assert "1 company failed" in str(account)
    assert "does not exist" in account.rows()[2]["what"]


def test_what_all_companies_fail_alike_with_has_its_account_too(
    ops: Ops, acme: Company, sun: Company, lake: Path
) -> None:
    with pytest.raises(FleetFailed, match=r"2 of 2 companies did not answer: Acme Power: .*nme") as raised:
        ops.export({"countries": None, "wrong": "SELECT nme FROM people"}, to=lake)
    assert isinstance(raised.value.report, Exported)
    assert [one.written for one in raised.value.report.tables] == [1, 0, 1, 0]


def test_what_the_server_refuses_of_one_query_keeps_no_other_back(ops: Ops, acme: Company, lake: Path) -> None:
    what = {
        "wrong": "SELECT nme FROM people",
        "write": "DELETE FROM people",
        "two": "SELECT 1 AS a; SELECT 2 AS a",
        "twice": 'SELECT 1 AS a, 2 AS "A"',
        "none": "SELECT FROM people",
        "good": "SELECT 1 AS n -- a comment ends it;",
        "transactions": None,
    }
    account = ops.export(what, to=lake, errors="collect")
    errors = {one.table: one.error for one in account.tables}
    assert "nme" in errors["wrong"]
    assert all(errors[name] for name in ("write", "two"))
    assert "two columns are called 'a'" in errors["twice"]
    assert "no columns" in errors["none"]
    assert (errors["good"], errors["transactions"]) == ("", "")
    assert rows(lake, "good", acme) == [{"n": 1}]
    assert paths(lake / "good") == {f"company={acme.id}/data.parquet": paths(lake / "good").popitem()[1]}


def test_one_export_writes_at_a_time(ops: Ops, acme: Company, lake: Path) -> None:
    ops.export(["people"], to=lake)
    with layout.locked(lake), pytest.raises(Busy, match=rf"another export writes into .*lake: process {os.getpid()}"):
        ops.export(["people"], to=lake)
    ops.export(["people"], to=lake)


def test_a_full_disk_leaves_the_files_of_before(ops: Ops, acme: Company, lake: Path, edit: Edit) -> None:
    ops.export(["transactions"], to=lake)
    before = paths(lake)
    edit(acme, "UPDATE transactions SET sender = repeat(id::text, 1000), updated_at = now()")
    with no_room_for(3000), pytest.raises(FleetFailed, match="cannot be written") as raised:
        ops.export(["transactions"], to=lake, personal_data=False)
    assert isinstance(raised.value.report, Exported)
    assert paths(lake) == before
    assert not list(lake.rglob("*.part"))
    assert files(ops.export(["transactions"], to=lake)) == (4, 0, 0)
    assert same(lake, "transactions", ops.company(acme.id))


def test_ctrl_c_breaks_it_off_and_the_next_one_goes_on(ops: Ops, acme: Company, lake: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(FleetFailed, match="broken off"):
        ops.export(["transactions"], to=lake, stop=stop)
    assert not paths(lake)
    assert files(ops.export(["transactions"], to=lake)) == (4, 0, 0)


#: Runs an export and kills its process at the n-th time that a file would take its name, just before or just after.
KILLED = """
import os, signal, sys
from pathlib import Path
from mpm_ops import Ops

lake, number, after = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "after"
replace, seen = Path.replace, 0

def counted(self, target):
    global seen
    seen += 1
    if seen == number and not after:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(self, target)
    if seen == number:
        os.kill(os.getpid(), signal.SIGKILL)

Path.replace = counted
with Ops() as ops:
    ops.export(["transactions", "people"], to=lake)
"""


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("begun", [False, True], ids=["new", "there"])
def test_a_killed_export_is_gone_on_with(
    ops: Ops, acme: Company, lake: Path, edit: Edit, moment: str, begun: bool
) -> None:
    reader = ops.company(acme.id)
    if begun:
        ops.export(to=lake)
    for number in range(1, 12, 2):
        edit(acme, f"UPDATE transactions SET amount = {number}, updated_at = timestamptz '2026-05-01 00:00:{number}'")
        command = [sys.executable, "-c", KILLED, str(lake), str(number), moment]
        ended = subprocess.run(command, env=surroundings(ops), cwd=ROOT, timeout=120, check=False)
        assert ended.returncode == -signal.SIGKILL, number
        # Whoever reads now has whole files, each as it was before or is after.
        for row in rows(lake, "transactions", acme):
            assert row["amount"] == number or row["amount"] == number - 2 or not number > 1
        ops.export(["transactions", "people"], to=lake)
        assert same(lake, "transactions", reader)
        assert not [path for path in lake.rglob(".*") if path.is_file()]
        assert files(ops.export(["transactions", "people"], to=lake))[0] == 0
