"""Names that are masked never lie in a lake beside the same names as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpm_ops import Company, Ops
from mpm_ops.errors import UsageError
from tests.integration.lakes import Edit, files, paths
from tests.integration.lakes import acme as acme
from tests.integration.lakes import edit as edit
from tests.integration.lakes import lake as lake
from tests.integration.lakes import sun as sun

PEOPLE = (
    "INSERT INTO people (name, surname, created_at, updated_at) VALUES ('Neema', 'Kijazi', '2026-01-02', '2026-01-02')"
)


def test_an_export_that_masks_refuses_to_leave_names_beside_it(
    ops: Ops, acme: Company, sun: Company, lake: Path
) -> None:
    ops.export({"transactions": None, "senders": "SELECT sender FROM transactions"}, to=lake, personal_data=True)
    before = paths(lake)
    for what, name in ((["people"], "senders"), (["transactions"], "senders"), (None, "senders")):
        with pytest.raises(UsageError, match=f"{name} of company {acme.id} with personal data") as raised:
            ops.export(what, to=lake)
        assert raised.value.hint.startswith(f"Export {name}, too")
    assert paths(lake) == before
    # More may be shown than before, and what is written anew is masked.
    assert ops.export(["people"], to=lake, personal_data=True).ok
    assert ops.export({"transactions": None, "senders": "SELECT sender FROM transactions", "people": None}, to=lake).ok
    assert ops.export(to=lake).ok


def test_what_was_masked_in_another_way_and_stays_is_told(ops: Ops, acme: Company, lake: Path, edit: Edit) -> None:
    edit(acme, PEOPLE)
    query = "SELECT sender FROM transactions"
    ops.export({"transactions": None, "people": None, "countries": None, "senders": query}, to=lake)
    edit(acme, "COMMENT ON VIEW masked.people IS 'another'")
    account = ops.export(["transactions"], to=lake, errors="collect")
    assert {one.table for one in account.tables if one.error} == {"people", "senders"}
    assert not account.ok
    assert "people: it was masked in another way than today" in account.rows()[0]["what"]
    assert ops.export({"people": None, "senders": query}, to=lake).ok
    assert ops.export(["transactions"], to=lake).ok
    (lake / f"people/company={acme.id}/_manifest.json").write_text("{}")
    account = ops.export(["transactions"], to=lake, errors="collect")
    assert [one.error.partition(",")[0] for one in account.tables] == ["", "what it shows is not known"]
    assert ops.export(["transactions"], to=lake, personal_data=True).ok
    assert files(ops.export(to=lake))[0] > 0
