"""How large companies are, on the command line."""

from __future__ import annotations

import psycopg

from mpm_ops.postgres import databases
from mpm_ops.postgres.server import Server
from tests.cli.conftest import Run
from tests.integration.test_migrations import Register
from tests.integration.test_usage import insert


def test_the_largest_come_first_with_what_they_grew(run: Run, register: Register, server: Server) -> None:
    companies = [register(name) for name in ("Acme Power", "Sun :smile: [red]Hill", "Zed")]
    assert run("usage").err == "No snapshot yet: mpm-ops usage --snapshot\n"
    assert run("usage", "--snapshot").code == 0
    insert(server, companies[1], 100_000)
    done = run("usage", "--snapshot", "--days", "7")
    assert done.code == 0
    first, *others = [line for line in done.out.splitlines() if "+" in line]
    assert "Sun :smile: [red]Hill" in first
    assert "+100,000" in first
    assert len(others) == 2
    found = run("usage", "--json").json
    assert found[0]["company_id"] == companies[1].id
    assert found[0]["size_grown"] > 3_000_000
    assert [one["rows_grown"] for one in found] == [100_000, 0, 0]
    quiet = run("usage", "--snapshot", "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")
    assert run("usage", "--quiet").out
    assert [one["company"] for one in run("usage", "Acme Power", "--json").json] == ["Acme Power"]


def test_who_could_not_be_measured_is_told_with_an_exit_code(
    run: Run, register: Register, maintenance: psycopg.Connection
) -> None:
    register("Acme Power")
    databases.drop(maintenance, register("Sun Hill").database)
    done = run("usage", "--snapshot")
    assert done.code == 1
    assert "its database is gone" in done.out
    assert "its database is gone" in run("usage", "--snapshot", "--quiet").out
    assert run("usage", "Acme Power").code == 0
