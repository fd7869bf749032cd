"""What notebooks are run on: the demo's three companies, with a year of business that ended on a day of its own."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from mpm_ops import Ops
from mpm_ops.cli.demo import _new_migration, _registration
from mpm_ops.demo.profiles import PROFILES

UNTIL = dt.date(2026, 11, 23)
#: Of the demo's migration; new revisions get one by chance.
REVISION = "5c1e0de30a7b"


def fill(ops: Ops) -> None:
    """Register the demo's companies, fill them, and roll out the demo's migration, as `mpm-ops demo` does."""
    ops.migrate()
    companies = [ops.register(**_registration(profile)) for profile in PROFILES]
    for company, profile in zip(companies, PROFILES, strict=True):
        ops.fill_demo(company, profile, until=UNTIL)
    made = _new_migration(ops, companies)
    path = Path(made.path)
    path.write_text(path.read_text().replace(made.id, REVISION))
    ops.forget_revisions()
    report = ops.migrate_tenant()
    assert report.ok, report
