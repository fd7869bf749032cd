"""The rules of an audit, and what puts right what breaks them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from mpm_ops.companies.findings import RECONCILE, REPAIR, AuditFinding, AuditKind
from mpm_ops.companies.groups import up_to_date
from mpm_ops.companies.inventory import SWAPPED, Look, Rows
from mpm_ops.postgres import roles
from mpm_ops.postgres.databases import Access
from mpm_ops.records import MAIN, Company, CompanyStatus, counted
from mpm_ops.settings import Settings


@dataclass(frozen=True)
class Checks:
    """The rules."""

    settings: Settings
    #: The name of the list of what may be read.
    reading: str
    before: Rows
    after: Rows
    looks: Mapping[str, Look]

    def of_the_centre(self) -> Iterator[AuditFinding]:
        """Check the rows by themselves, and the central database."""
        companies = self.after.companies
        for server in sorted({one.server for one in companies.values()} - {MAIN, *self.settings.servers}):
            there = sum(one.server == server for one in companies.values())
            yield AuditFinding(
                kind=AuditKind.UNKNOWN_SERVER,
                server=server,
                subject="",
                what=f"{counted(there, 'company')} on it, and the settings do not know it",
                command=f'export MPM_OPS_SERVERS=\'{{"{server}": "postgresql://user@host:5432/"}}\'',
            )
        for company_id in self.after.abandoned:
            company = companies.get(company_id)
            yield AuditFinding(
                kind=AuditKind.ABANDONED,
                server=company.server if company else MAIN,
                subject=self.settings.company_database(company_id),
                what="its registration was broken off",
                company_id=company_id,
                company=company.name if company else "",
                command=RECONCILE,
                safe=True,
            )
        central = self.settings.central_database
        if self.looks[MAIN].databases[central].public:
            yield _open(MAIN, central, None)

    def of_companies(self, look: Look) -> Iterator[AuditFinding]:
        """Check the databases of the companies that live on a server, as far as they were there all the while."""
        for company in self.after.companies.values():
            if company.server != look.server or not self.steady(company):
                continue
            if not company.database:
                yield self._no_row(company)
                continue
            access = look.databases.get(company.database)
            if access is None:
                yield self._missing(company)
                continue
            if access.owner != self.settings.owner_role:
                yield _wrong_owner(company, access, self.settings.owner_role)
            if access.public:
                yield _open(look.server, company.database, company)
            groups = roles.groups(company.database)
            yield from (_no_group(company, group) for group in groups if group not in look.roles)
            shut_out = [group for group in groups if group in look.roles and group not in access.admitted]
            yield from (_no_connect(company, group) for group in shut_out)
            if look.roles.keys() >= {*groups} and not up_to_date(look.notes, company.database, self.reading):
                yield _old_grants(company)

    def steady(self, company: Company) -> bool:
        """Whether it was there all the while, and the same."""
        return company.status is CompanyStatus.ACTIVE and self.before.companies.get(company.id) == company

    def readable(self) -> list[Company]:
        """Return the companies of whose databases more than the name can be looked at."""
        return [
            company
            for company in self.after.companies.values()
            if self.steady(company) and company.server in self.looks
            if company.database in self.looks[company.server].databases
        ]

    def of_leftovers(self, look: Look) -> Iterator[AuditFinding]:
        """Check what a server has for companies that do not live there, and what was left half done."""
        here = self._at_home(look.server)
        for name in look.databases:
            if name == self.settings.central_database or name in here or name in look.in_hand:
                continue
            yield _swapped(look.server, name) if SWAPPED.search(name) else _unknown_database(look.server, name)
        for role, used_in in look.roles.items():
            database = re.sub(r"(company_\d+)_.*", r"\1", role)
            # While its database is there, the database is the finding.
            if database not in here and database not in look.databases:
                yield _unknown_role(look.server, role, used_in, self.settings.owner_role)
        for name in look.stale_templates:
            statements = ("ALTER DATABASE {} WITH IS_TEMPLATE false", "DROP DATABASE {}")
            yield AuditFinding(
                kind=AuditKind.STALE_TEMPLATE,
                server=look.server,
                subject=name,
                what="it is of other revisions than the newest",
                sql=[_statement(text, name) for text in statements],
                safe=True,
            )
        for name in look.left:
            yield AuditFinding(
                kind=AuditKind.LEFTOVER,
                server=look.server,
                subject=name,
                what="a process that was killed has left it",
                command=RECONCILE,
                safe=True,
            )

    def _at_home(self, server: str) -> set[str]:
        """Return the databases that may be on a server: those of its companies, and of all registrations under way."""
        rows = [*self.before.companies.values(), *self.after.companies.values()]
        home = {self._database(one) for one in rows if one.server == server or self._elsewhere(one) in (server, None)}
        under_way = {*self.before.unfinished, *self.after.unfinished}
        return home | {self.settings.company_database(company_id) for company_id in under_way}

    def _database(self, company: Company) -> str:
        return company.database or self.settings.company_database(company.id)

    def _elsewhere(self, company: Company) -> str | None:
        """Return the other server that has the company's database when its own has not: empty when none has it.

        None when that cannot be told: its own server does not answer.
        """
        database = self._database(company)
        if company.server not in self.looks:
            return None
        having = [name for name, look in self.looks.items() if database in look.databases]
        return "" if company.server in having or not having else having[0]

    @property
    def _into_central(self) -> str:
        return rf'\connect "{self.settings.central_database}"'

    def _no_row(self, company: Company) -> AuditFinding:
        database = self._database(company)
        insert = sql.SQL("INSERT INTO company_databases (company_id, database_name, server) VALUES ({}, {}, {});")
        values = (company.id, database, self._elsewhere(company) or company.server)
        return _of(
            company,
            AuditKind.NO_DATABASE_ROW,
            what=f"no row says which database is its own: {database}, by the house's rule",
            statements=[self._into_central, insert.format(*values).as_string()],
        )

    def _missing(self, company: Company) -> AuditFinding:
        if elsewhere := self._elsewhere(company):
            update = sql.SQL("UPDATE company_databases SET server = {} WHERE company_id = {};")
            return _of(
                company,
                AuditKind.OTHER_SERVER,
                what=f"it is on the server {elsewhere}; the central row says {company.server}",
                server=MAIN,
                statements=[self._into_central, update.format(elsewhere, company.id).as_string()],
            )
        return _of(
            company,
            AuditKind.NO_DATABASE,
            what="it is not there: restore it from a backup, or have an empty one made",
            command=f"mpm-ops migrate-tenant {company.id} --create-missing",
        )


def _of(
    company: Company,
    kind: AuditKind,
    *,
    what: str,
    server: str = "",
    command: str = "",
    statements: Sequence[str] = (),
    safe: bool = False,
) -> AuditFinding:
    return AuditFinding(
        kind=kind,
        server=server or company.server,
        subject=company.database,
        what=what,
        company_id=company.id,
        company=company.name,
        command=command,
        sql=statements,
        safe=safe,
    )


def _wrong_owner(company: Company, access: Access, owner: str) -> AuditFinding:
    statement = _statement("ALTER DATABASE {} OWNER TO {}", company.database, owner)
    what = f"it belongs to {access.owner} and not to {owner}"
    return _of(company, AuditKind.WRONG_OWNER, what=what, statements=[statement], safe=True)


def _open(server: str, database: str, company: Company | None) -> AuditFinding:
    return AuditFinding(
        kind=AuditKind.OPEN_TO_PUBLIC,
        server=server,
        subject=database,
        what="every login of the server may connect",
        company_id=company.id if company else None,
        company=company.name if company else "",
        sql=[_statement("REVOKE ALL ON DATABASE {} FROM PUBLIC", database)],
        safe=True,
    )


def _no_group(company: Company, group: str) -> AuditFinding:
    return _of(company, AuditKind.NO_GROUP, what=f"the role {group} is missing", command=REPAIR, safe=True)


def _old_grants(company: Company) -> AuditFinding:
    what = "what its groups may read is of another list than today's, and so is what is masked"
    return _of(company, AuditKind.OLD_GRANTS, what=what, command=REPAIR, safe=True)


def _no_connect(company: Company, group: str) -> AuditFinding:
    statement = _statement("GRANT CONNECT ON DATABASE {} TO {}", company.database, group)
    return _of(company, AuditKind.NO_CONNECT, what=f"{group} may not connect", statements=[statement], safe=True)


def _swapped(server: str, name: str) -> AuditFinding:
    new = name.endswith("_new")
    return AuditFinding(
        kind=AuditKind.LEFTOVER,
        server=server,
        subject=name,
        what="a copy of the template that was not swapped in"
        if new
        else "what a company had before migrate-tenant-fresh",
        sql=[_statement("DROP DATABASE {}", name)],
        safe=new,  # the other one holds rows of a company
    )


def _unknown_database(server: str, name: str) -> AuditFinding:
    return AuditFinding(
        kind=AuditKind.UNKNOWN_DATABASE,
        server=server,
        subject=name,
        what="no company lives in it: look into it, and put it out of the way",
        sql=[_statement("ALTER DATABASE {} RENAME TO {}", name, f"away_{name}")],
    )


def _unknown_role(server: str, role: str, used_in: Sequence[str], owner: str) -> AuditFinding:
    inside: list[str] = []
    for database in used_in:
        # What it owns is kept; what is left of it are its grants.
        inside.append(rf'\connect "{database}"')
        inside += [_statement("REASSIGN OWNED BY {} TO {}", role, owner), _statement("DROP OWNED BY {}", role)]
    outside = [_statement(text, role) for text in ("DROP OWNED BY {}", "DROP ROLE {}")]
    return AuditFinding(
        kind=AuditKind.UNKNOWN_ROLE,
        server=server,
        subject=role,
        what="it is of a company that does not exist" + (f"; it has grants in {', '.join(used_in)}" if used_in else ""),
        sql=[*inside, *outside],
        safe=not used_in,
    )


def _statement(text: str, *names: str) -> str:
    return sql.SQL(text + ";").format(*map(sql.Identifier, names)).as_string()
