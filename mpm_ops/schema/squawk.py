"""squawk, the linter of PostgreSQL migrations: run once over many texts, its rules weighed for what our engine does.

The binary comes from the wheel `squawk-cli`, in the extra `mpm-ops[lint]`. Its rules: https://squawkhq.com/docs/rules
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpm_ops.errors import LinterMissing, MigrationError
from mpm_ops.records import Level

#: The oldest server that mpm_ops works with.
_PG_VERSION = "15.0"

#: What fails, stops the company's users while it runs, or breaks the code that runs meanwhile. Others are warnings.
_ERRORS = frozenset(
    {
        "adding-field-with-default",
        "adding-foreign-key-constraint",
        "adding-not-nullable-field",
        "adding-required-field",
        "adding-serial-primary-key-field",
        "ban-concurrent-index-creation-in-transaction",
        "ban-drop-column",
        "ban-drop-database",
        "ban-drop-schema",
        "ban-drop-table",
        "ban-duplicate-column-assignments",
        "ban-set-schema",
        "ban-truncate-cascade",
        "changing-column-type",
        "constraint-missing-not-valid",
        "disallowed-unique-constraint",
        "prefer-robust-stmts",
        "renaming-column",
        "renaming-table",
        "require-concurrent-index-creation",
        "require-concurrent-partition-detach",
        "require-concurrent-reindex",
        "syntax-error",
    }
)

_OFF = frozenset(
    {
        # The engine sets lock_timeout in each transaction. What runs outside of one: our rule no-lock-timeout, which
        # sees every command, where this one sees the first and asks it of CREATE INDEX CONCURRENTLY too.
        "require-lock-timeout",
        # The engine sets it too, to 0: DDL that got its lock may take its time.
        "require-statement-timeout",
        # Ids are bigint by our models; their other integers count hours, rates and states.
        "prefer-bigint-over-int",
        "prefer-bigint-over-smallint",
        # DROP INDEX takes its lock for as long as any change of the catalog, and the engine's lock_timeout bounds
        # the wait for it.
        "require-concurrent-index-deletion",
        # BEGIN and COMMIT are the engine's. A revision that brings its own: our rule transaction-control.
        "transaction-nesting",
        "ban-uncommitted-transaction",
        # A matter of taste: new values of an enum go to the end.
        "require-enum-value-ordering",
    }
)

#: Rules that say the same as a second one about the same statement, and that second one, which says it better.
_SAID_BETTER = {
    "constraint-missing-not-valid": {
        "adding-foreign-key-constraint",
        "adding-serial-primary-key-field",
        "disallowed-unique-constraint",
    }
}

_NOT_VALID = (
    "Add it with postgresql_not_valid=True, and in the next revision, with a preflight that finds the rows against "
    'it: op.execute("ALTER TABLE ... VALIDATE CONSTRAINT ...")'
)
_USING_INDEX = (
    "Build the unique index in a revision of its own, in op.get_context().autocommit_block() with "
    'postgresql_concurrently=True; in the next: op.execute("ALTER TABLE ... ADD CONSTRAINT ... {} USING INDEX ...")'
)
_STILL_READ = (
    "Release code that no longer reads it first; then drop it, with # mpm-ops: ignore {}: not read since ..., "
    "so that the next reader knows"
)
_TWO_NAMES = "Add the new name beside the old one, let the code move over, then drop the old one"

#: What to write instead, in Alembic's words, where squawk says it in SQL or not at all.
_HINTS = {
    "adding-field-with-default": "Add it nullable and without a default; set the default for new rows by "
    "op.alter_column, and fill the old rows in a revision of its own",
    "adding-foreign-key-constraint": _NOT_VALID,
    "adding-not-nullable-field": "Add CHECK (... IS NOT NULL) with postgresql_not_valid=True, and validate it in the "
    "next revision. SET NOT NULL then trusts it and reads no row: say so with # mpm-ops: ignore",
    "adding-required-field": "Give it a server_default, or add it nullable, fill it, and require it later",
    "adding-serial-primary-key-field": _USING_INDEX.format("PRIMARY KEY"),
    "ban-concurrent-index-creation-in-transaction": "In a revision of its own: with "
    "op.get_context().autocommit_block(): op.create_index(..., postgresql_concurrently=True, if_not_exists=True)",
    "ban-drop-column": _STILL_READ.format("ban-drop-column"),
    "ban-drop-table": _STILL_READ.format("ban-drop-table"),
    "changing-column-type": "Add a column of the new type, fill it, let the code move over, drop the old one. A "
    "change that rewrites nothing (varchar to text): say so with # mpm-ops: ignore",
    "constraint-missing-not-valid": _NOT_VALID,
    "disallowed-unique-constraint": _USING_INDEX.format("UNIQUE"),
    "prefer-robust-stmts": "Say if_not_exists=True or if_exists=True: outside a transaction it may be done and not "
    "yet stamped when the run breaks off, and the next run does it again",
    "renaming-column": _TWO_NAMES,
    "renaming-table": f"{_TWO_NAMES}; a view with the old name serves those who only read",
    "require-concurrent-index-creation": "In a revision of its own: with op.get_context().autocommit_block(): "
    "op.create_index(..., postgresql_concurrently=True, if_not_exists=True)",
}


@dataclass(frozen=True, kw_only=True)
class Violation:
    """What squawk says about one place of a text."""

    rule: str
    level: Level
    message: str
    hint: str
    #: Both from 0.
    line: int
    column: int


def check(texts: Sequence[str]) -> list[list[Violation]]:
    """Return what squawk says about each text, all in one process. Raises LinterMissing.

    The setup of whoever runs it (`.squawk.toml`) is left out: the same revision has the same findings everywhere.
    """
    squawk = _binary()
    if not texts:
        return []
    with tempfile.TemporaryDirectory(prefix="mpm_ops_lint_") as folder:
        names = [f"{number}.sql" for number in range(len(texts))]
        for name, text in zip(names, texts, strict=True):
            (Path(folder) / name).write_text(text, encoding="utf-8")
        (Path(folder) / "squawk.toml").touch()
        options = ["--config", "squawk.toml", "--reporter", "json", "--pg-version", _PG_VERSION]
        done = subprocess.run(  # noqa: S603 our own arguments
            [squawk, *options, *names], cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False
        )
    try:
        said = json.loads(done.stdout)
    except ValueError as exc:
        raise MigrationError(f"squawk broke off: {done.stderr.strip() or done.returncode}") from exc
    return [_weighed([one for one in said if one["file"] == name]) for name in names]


def _binary() -> str:
    places = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
    if found := shutil.which("squawk", path=places):
        return found
    raise LinterMissing(hint="Install it: pip install 'mpm-ops[lint]'")


def _weighed(said: Sequence[dict[str, Any]]) -> list[Violation]:
    """Leave out what does not concern us or is said twice, and weigh the rest."""
    rules = {(one["rule_name"], one["line"]) for one in said}
    return [
        Violation(
            rule=rule,
            level="error" if rule in _ERRORS else "warning",
            message=one["message"],
            hint=_HINTS.get(rule) or one["help"] or "",
            line=one["line"],
            column=one["column"],
        )
        for one in said
        if (rule := one["rule_name"]) not in _OFF
        and not any((better, one["line"]) in rules for better in _SAID_BETTER.get(rule, ()))
    ]
