"""Settings that are handed on to another process, and files that are there once they are whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from mpm_ops import Settings
from mpm_ops.atomic import replacing
from mpm_ops.errors import UsageError
from mpm_ops.records import Hardening
from mpm_ops.settings import load_settings


def test_another_process_elsewhere_reads_the_same_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    given = Settings(
        database_url=SecretStr("postgresql://me:pass%20word@host:5432/"),
        servers={"west": SecretStr("postgresql://me@west:5432/")},
        home=tmp_path,
        prefix="own_",
        hardening=Hardening.STRICT,
        tenant_migrations=Path("revisions"),
        workers=3,
    )
    variables = given.environment()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert load_settings() == given.model_copy(update={"tenant_migrations": tmp_path / "revisions"})
    assert "MPM_OPS_MIGRATIONS" not in variables


def half(path: Path) -> None:
    with replacing(path) as part:
        part.write_text("half of i")
        raise ZeroDivisionError


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_text("of before")
    with pytest.raises(ZeroDivisionError):
        half(path)
    assert [one.read_text() for one in tmp_path.iterdir()] == ["of before"]
    with replacing(path) as part:
        part.write_text("it")
        assert path.read_text() == "of before"
    assert [one.read_text() for one in tmp_path.iterdir()] == ["it"]
    with pytest.raises(UsageError, match="cannot be written"), replacing(tmp_path / "none" / "x") as part:
        part.write_text("it")
