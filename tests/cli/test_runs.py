"""Exit codes and questions of fleet runs that did not go as they should."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpm_ops import Company, Ops, Settings
from mpm_ops.central import ledger
from mpm_ops.central.ledger import Planned
from mpm_ops.postgres import locks
from mpm_ops.postgres.server import Server
from mpm_ops.schema.apply import LOCK, apply
from tests.cli.conftest import Run
from tests.integration.test_fleet import column, revise
from tests.integration.test_fleet_account import NO_LONG_NAMES, assert_preflight, plant
from tests.integration.test_migrations import Register, core_head, truth


def test_a_gate_that_is_closed_behind_the_last_company_is_exit_code_3(run: Run, ops: Ops, register: Register) -> None:
    register()
    column(ops, "o1", None)
    ran = run("migrate-tenant", "--canary", "1", "--gate", "SELECT 1")
    assert (ran.code, "1 done of 1" in ran.out, "the gate after the canary is closed" in ran.out) == (3, True, True)
    assert run("run", str(ops.runs()[0].id)).code == 3


def test_an_assertion_that_fails_in_the_only_company_is_exit_code_3(
    run: Run, ops: Ops, register: Register, server: Server
) -> None:
    company = register()
    revise(ops, "o1", None, NO_LONG_NAMES)
    assert_preflight(ops, "o1")
    plant(server, company)
    assert run("migrate-tenant").code == 3
    assert run("run", str(ops.runs()[0].id)).code == 3


@pytest.mark.parametrize(
    "options",
    [
        "--dry-run --resume 1",
        "--dry-run --create-missing",
        "--resume 1 --verify",
        "--resume 1 --create-missing",
        "--resume 1 --cause 1 --only 1",
        "1 --resume 1 --cause 1",
        "--rehearse 1 --resume 1",
    ],
)
def test_options_that_would_be_forgotten_are_refused(run: Run, options: str) -> None:
    ran = run("migrate-tenant", *options.split())
    assert (ran.code, "do not go together" in ran.err) == (2, True)


def test_a_report_is_printed_or_written_whole(
    run: Run, ops: Ops, register: Register, server: Server, tmp_path: Path
) -> None:
    for name in ("<script>alert(1)</script> Power", "Beta"):
        register(name)
    revise(ops, "o1", None, NO_LONG_NAMES)
    plant(server, ops.list_companies()[0])
    assert run("migrate-tenant").code == 1
    number = ops.runs()[0].id
    retry = f"mpm-ops migrate-tenant --resume {number} --cause 1"
    made = {form: run("run", str(number), "--report", form) for form in ("html", "json", "md")}
    assert {ran.code for ran in made.values()} == {1}
    assert made["html"].out.startswith("<!doctype html>")
    assert "<script" not in made["html"].out
    assert "out of reach" not in made["html"].out
    assert all(retry in ran.out for ran in made.values())
    assert made["json"].json["causes"][0]["companies"] == [{"id": 1, "name": "<script>alert(1)</script> Power"}]
    assert [one["companies"] for one in made["json"].json["fleet"]["revisions"]] == [1, 1]
    for form, ran in made.items():
        path = tmp_path / f"report.{form}"
        path.write_text("of before")
        written = run("run", str(number), "--report", form, "--output", str(path))
        assert (written.code, written.out) == (1, "")
        assert path.read_text() == ran.out
    assert len(list(tmp_path.glob("*report*"))) == 3
    assert len(list(tmp_path.glob(".report*"))) == 0


@pytest.mark.parametrize("options", ["--report md --json", "--output x", "--report html --output missing/x"])
def test_a_report_that_cannot_be_is_refused(run: Run, ops: Ops, register: Register, options: str) -> None:
    register()
    ops.migrate_tenant()
    column(ops, "o1", None)
    ops.migrate_tenant()
    assert run("run", str(ops.runs()[0].id), *options.split()).code == 2


def test_a_busy_company_is_exit_code_1(run: Run, ops: Ops, register: Register, server: Server) -> None:
    company = register()
    column(ops, "o1", None)
    with server.connect(company.database) as other, locks.try_lock(other, LOCK):
        assert run("migrate-tenant").code == 1
    assert run("run", str(ops.runs()[0].id)).code == 1
    assert run("migrate-tenant").code == 0


def open_run_of_a_killed_process(ops: Ops, settings: Settings, server: Server, company: Company) -> int:
    """Leave what a runner leaves that is killed between a company's last commit and the account of it."""
    tree = ops._installation.tenant_tree
    plan = tree.upgrade_plan((core_head(),))
    with server.connect(settings.central_database) as connection:
        steps = [
            {"revision": one.revision, "direction": one.direction, "hash": one.hash, "after": one.after}
            for one in plan.steps
        ]
        run_id = ledger.open_run(
            connection,
            action="migrate-tenant",
            operator="somebody",
            policy={},
            plans=[{"hash": plan.hash, "from": plan.before, "to": plan.after, "steps": steps}],
            planned=[Planned(company=company, before=plan.before, plan=plan.hash)],
            idle={},
        )
        apply(server, company.database, plan, owner=settings.owner_role)
    return run_id


def test_a_killed_run_is_not_undone_without_consent(
    run: Run, ops: Ops, settings: Settings, register: Register, server: Server
) -> None:
    company = register()
    column(ops, "o1", None)
    run_id = open_run_of_a_killed_process(ops, settings, server, company)
    assert run("run", str(run_id)).code == 1
    refused = run("rollback", "--run", str(run_id))
    assert (refused.code, "Add --force" in refused.err) == (2, True)
    assert truth(server, company) == (("o1",), ("o1",))
    assert run("rollback", "--run", str(run_id), "--force").code == 0
    assert truth(server, company) == ((core_head(),), (core_head(),))


def test_alone_is_for_a_run(run: Run, register: Register) -> None:
    register()
    for other in (("--dry-run",), ("--rehearse", "1")):
        refused = run("migrate-tenant", "--alone", *other)
        assert refused.code == 2
        assert f"--alone and {other[0]} do not go together" in refused.err
    assert run("migrate-tenant", "--alone").code == 0
