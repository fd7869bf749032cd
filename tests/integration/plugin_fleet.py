"""A fleet whose companies have different sets of plugins, on a tree of its own to publish revisions in."""

from __future__ import annotations

import os
import random
import secrets
import shutil
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from mpm_ops import Company, Ops
from mpm_ops.companies import installation
from mpm_ops.postgres import databases
from mpm_ops.postgres.server import Server
from mpm_ops.schema.apply import read_heads
from mpm_ops.schema.drift import read_catalog
from mpm_ops.shipped import shipped
from tests.conftest import PREFIX, clean, make_settings
from tests.integration.test_plugins import package_with_plugin
from tests.integration.test_register import environment
from tests.unit.test_trees import REVISION

ACME = "AcmeHeatPump"
SPARK, CALIN = "SparkMeter", "CalinMeter"
#: What another process begins with, to work on the same tree. Its first argument is the tree.
PREAMBLE = """
import sys
from pathlib import Path
from mpm_ops.companies import installation
from mpm_ops.shipped import shipped
installation.shipped = lambda name: Path(sys.argv[1]) if name == "tenant_migrations" else shipped(name)
import mpm_ops
"""
_TABLES = """
    SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
    WHERE schemaname IN ('public', 'masked', 'ops') AND tablename <> 'alembic_version' ORDER BY 1
"""


def digests(connection: psycopg.Connection) -> dict[str, str]:
    """The number of rows of each table, and a hash that another row, or another value, makes another."""
    names = [name for (name,) in connection.execute(_TABLES)]
    each = (
        f"SELECT '{name}', count(*) || ' ' || coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '')"
        f" FROM {name} AS t"
        for name in names
    )
    return dict(connection.execute(" UNION ALL ".join(each).encode()).fetchall())


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """All that a company's database is: by its own account, by its stamp, by its catalog, and by its rows."""

    heads: tuple[str, ...]
    stamp: tuple[str, ...] | None
    catalog: Mapping[tuple[str, str], str]
    rows: Mapping[str, str]


@dataclass
class World:
    """A fleet, and what may be published to it."""

    ops: Ops
    server: Server
    #: The shipped tree, copied.
    tree: Path
    #: The folder of the plugin that a package brings.
    acme: Path
    companies: list[Company] = field(default_factory=list)
    #: The plugins that own tables, by company id.
    sets: dict[int, set[str]] = field(default_factory=dict)
    #: Published revisions by branch, oldest first.
    published: dict[str, list[str]] = field(default_factory=dict)

    def register(self, number: int, plugins: Collection[str]) -> Company:
        """Register a company with these plugins."""
        ids = [one.id for one in self.ops.list_plugins() if one.name in plugins and one.name != ACME]
        tag = secrets.token_hex(4)
        company = self.ops.register(
            name=f"Company {number}",
            email=f"info-{tag}@example.com",
            admin_email=f"admin-{tag}@example.com",
            admin_password="correct horse",
            plugins=ids,
        )
        if ACME in plugins:
            assert self.ops.install_plugin(company.id, ACME).ok
        self.companies.append(company)
        self.sets[company.id] = set(plugins)
        return company

    def publish(self, branch: str, up: str, down: str, *, depends: Sequence[str] = ()) -> str:
        """Write the next revision of the core or of a plugin; return its id."""
        folder = self.acme if branch == ACME else self.tree / "plugins" / branch
        folder = self.tree / "versions" if branch == "core" else folder
        before = self.published.setdefault(branch, [self.head(branch)])
        number = sum(map(len, self.published.values()))
        name = f"x{number:03d}{branch.lower()[:5]}"
        text = REVISION.format(
            name=name, id=name, down=before[-1], labels=None, depends=tuple(depends) or None, up=up, down_sql=down
        )
        (folder / f"2026_12_02_{name}.py").write_text(text)
        before.append(name)
        self.ops.forget_revisions()
        return name

    def head(self, branch: str) -> str:
        """The newest revision of a branch, before anything was published."""
        revisions = self.ops._installation.tenant_tree.revisions()
        return [one.id for one in revisions if one.branch == branch][-1]

    def new(self, branch: str) -> list[str]:
        """The revisions that were published on a branch."""
        return self.published.get(branch, [""])[1:]

    def fingerprints(self, companies: Sequence[Company] | None = None) -> dict[int, Fingerprint]:
        """The fingerprints of these companies (default: all), by id."""
        chosen = self.companies if companies is None else companies
        with ThreadPoolExecutor(4) as pool:
            return dict(zip([one.id for one in chosen], pool.map(self.fingerprint, chosen), strict=True))

    def fingerprint(self, company: Company) -> Fingerprint:
        with self.server.connect(company.database) as tenant:
            stamps = databases.stamps(tenant, company.database)
            return Fingerprint(
                heads=read_heads(tenant),
                stamp=stamps[company.database],
                catalog=read_catalog(tenant),
                rows=digests(tenant),
            )

    def central(self) -> dict[str, str]:
        """The digests of the central database's tables."""
        with self.server.connect(self.ops.settings.central_database) as connection:
            return digests(connection)

    def do(self, company: Company, statement: str) -> None:
        with self.server.connect(company.database) as tenant:
            tenant.execute(statement.encode())

    def environment(self) -> dict[str, str]:
        """The environment of another process on the same installation."""
        site = str(self.acme.parent.parent)
        path = os.pathsep.join([site, *filter(None, [os.environ.get("PYTHONPATH")]), *sys.path[:1]])
        return {**environment(self.ops.settings), "PYTHONPATH": path}


@contextmanager
def world(server: Server, dsn: str, folder: Path, *, tag: str) -> Iterator[World]:
    """An installation of its own on the session's server, without companies."""
    tree, site = folder / "tree", folder / "site"
    shutil.copytree(shipped("tenant_migrations"), tree, ignore=shutil.ignore_patterns("__pycache__"))
    acme = package_with_plugin(site)
    prefix = f"{PREFIX}{tag}_"
    settings = make_settings(dsn, folder, central=f"{prefix}central", prefix=prefix)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        patch.setattr(installation, "shipped", lambda name: tree if name == "tenant_migrations" else shipped(name))
        with Ops(settings) as ops:
            ops.migrate()
            yield World(ops=ops, server=server, tree=tree, acme=acme)
    clean(server, prefix)


def random_set(dice: random.Random, names: Sequence[str]) -> set[str]:
    """Plugins that a company may have; who has Acme's has the two that it is to build on."""
    found = set(dice.sample(names, dice.choice([0, 1, 1, 2, 3, 4])))
    found |= {name for name in (SPARK, CALIN) if dice.random() < 0.35}
    return found | ({ACME, SPARK, CALIN} if dice.random() < 0.15 else set())
