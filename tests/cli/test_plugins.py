"""The command group `plugin`, and migrations on a plugin's branch."""

from __future__ import annotations

import pytest

from mpm_ops import Company
from tests.cli.conftest import Run
from tests.cli.test_commands import Register


@pytest.fixture
def acme(register: Register) -> Company:
    return register("Acme Power")


def test_installed_listed_switched_and_uninstalled(run: Run, acme: Company) -> None:
    found = run("plugin", "install", "1", "CalinMeter", "--json")
    assert found.code == 0, found.err
    assert found.json["action"] == "plugin install CalinMeter"
    listed = {one["name"]: one for one in run("plugin", "list", "1", "--json").json}
    assert len(listed) == 32
    assert listed["CalinMeter"] == {
        "id": 3, "name": "CalinMeter", "usage_type": "mini-grid", "state": "enabled", "tables": True
    }  # fmt: skip
    assert listed["SparkMeter"]["state"] == "not installed"
    assert run("plugin", "disable", "1", "calinmeter").code == 0
    assert "disabled" in run("plugin", "list", "1").out
    assert run("plugin", "enable", "1", "3").code == 0


def test_data_is_dropped_by_those_who_say_so(run: Run, acme: Company) -> None:
    run("plugin", "install", "1", "CalinMeter")
    for options in ((), ("--drop-data",)):
        refused = run("plugin", "uninstall", "1", "CalinMeter", *options)
        assert refused.code == 2
        assert "Hint" in refused.err
    done = run("plugin", "uninstall", "1", "CalinMeter", "--drop-data", "--force", "--json")
    assert done.code == 0, done.err
    assert "mpm-ops plugin snapshots 1 --drop-older-than" in str(done.json["notes"])
    (kept,) = run("plugin", "snapshots", "--json").json
    assert kept["database"] in str(done.json["notes"])
    assert kept["company"] == "Acme Power"
    assert kept["database"] in run("plugin", "snapshots", "1").out
    assert run("plugin", "snapshots", "1", "--drop-older-than", "0.5", "--json").json == []
    assert run("plugin", "snapshots", "1", "--drop-older-than", "0").code == 2  # nobody is there to ask
    dropped = run("plugin", "snapshots", "1", "--drop-older-than", "0", "--force")
    assert "1 snapshot dropped" in dropped.err
    assert run("plugin", "snapshots", "--json").json == []


def test_a_name_that_no_plugin_has(run: Run, acme: Company) -> None:
    found = run("plugin", "install", "1", "SparkMetre")
    assert found.code == 2
    assert "SparkMeter" in found.err


def test_a_status_shows_the_revisions_of_a_companys_own_plugins(run: Run, acme: Company) -> None:
    run("plugin", "install", "1", "CalinMeter")
    shown = run("migrate-tenant-status", "1")
    assert shown.code == 0
    assert "CalinMeter: makes tokens" in shown.out
    assert "SparkMeter" not in shown.out
    assert "pending " not in shown.out.partition("\n\n")[2]
