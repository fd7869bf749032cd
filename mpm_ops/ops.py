"""Ops: the facade, one short method per verb. What each does lies in the layer it calls."""

from __future__ import annotations

import datetime as dt
import re
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from mpm_ops.analysis import fanout
from mpm_ops.analysis.access import Login, ShortLogin
from mpm_ops.analysis.caps import checked_numeric, checked_rows
from mpm_ops.analysis.guard import Limits
from mpm_ops.analysis.interrupted import load as load_whole
from mpm_ops.analysis.journal import Journal
from mpm_ops.analysis.params import Params
from mpm_ops.analysis.reader import CompanyReader
from mpm_ops.analysis.result import Result
from mpm_ops.analysis.session import Session
from mpm_ops.central import questions, registry
from mpm_ops.companies import (
    alone,
    analysts,
    courses,
    drift,
    fresh,
    lint,
    migrations,
    missing_databases,
    new_migration,
    plugins,
    reaper,
    runs,
    safety,
    selection,
    states,
    status,
    usage,
    users,
)
from mpm_ops.companies import audit as auditing
from mpm_ops.companies import reconcile as reconciling
from mpm_ops.companies import register as registering
from mpm_ops.companies import rehearse as rehearsing
from mpm_ops.companies import share as sharing
from mpm_ops.companies.findings import AuditFinding, Repaired
from mpm_ops.companies.hooks import Hooks
from mpm_ops.companies.installation import Installation
from mpm_ops.companies.member import RunMember
from mpm_ops.companies.reconcile import Reconciled
from mpm_ops.companies.registration import checked
from mpm_ops.companies.rehearsal import Rehearsal
from mpm_ops.demo.profiles import Profile, sized
from mpm_ops.errors import Refused, UsageError
from mpm_ops.figures.figures import Figures
from mpm_ops.fleet.policy import Policy
from mpm_ops.postgres.chosen import address
from mpm_ops.records import (
    MAIN,
    Analyst,
    Applied,
    Asked,
    Company,
    CompanyDrift,
    CompanyPlugin,
    CompanyState,
    Deviation,
    DryRun,
    FleetReport,
    FleetStatus,
    Hardened,
    Hardening,
    Linted,
    NewLogin,
    Plugin,
    Reaped,
    Revision,
    Run,
    Usage,
)
from mpm_ops.settings import Settings, load_settings, operator
from mpm_ops.shipped import is_checkout

if TYPE_CHECKING:
    import pandas as pd

    from mpm_ops.analysis.stream import Numeric
    from mpm_ops.demo.load import OnRows
    from mpm_ops.notebook.board import FleetBoard
    from mpm_ops.notebook.explore import Explorer
    from mpm_ops.notebook.rendered import Rendered

#: Companies by id, name or e-mail address; None is all of them.
Companies = Sequence[int | str] | None


class Ops:
    """One installation of mpm_ops. Get one from `mpm_ops.connect()`; close it, or use it in a `with` block."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or load_settings()
        self._installation = Installation(self.settings)
        self._journal = Journal(self._installation, operator())
        #: The logins that this process reads with, by server and whether they see personal data.
        self._readers: dict[tuple[str, bool], Login] = {}

    def __repr__(self) -> str:
        return f"<Ops {self.settings.central_database} on {address(self.settings)}>"

    # Central database

    def migrate(self) -> list[Revision]:
        """Make the central database where it is missing and bring it to its head; return what was applied."""
        return self._installation.migrate_central()

    def pending(self) -> list[Revision]:
        """List what `migrate` would apply to the central database, oldest first. Read-only."""
        return self._installation.pending_central()

    def list_companies(self) -> list[Company]:
        """List the active companies by id. Read-only."""
        with self._installation.central() as connection:
            return registry.companies(connection)

    def companies(self) -> pd.DataFrame:
        """List the active companies as a DataFrame: `id`, `name`, `email`, `server`, `database`, `created_at`."""
        load_whole("pandas")
        import pandas

        names = ["id", "name", "email", "server", "database", "created_at"]
        rows = [[getattr(company, name) for name in names] for company in self.list_companies()]
        return pandas.DataFrame(rows, columns=names)

    def get_company(self, term: int | str) -> Company:
        """Return the central row of the company with this id, name or e-mail address. Read-only.

        Raises UnknownCompany, with near misses as its hint.
        """
        with self._installation.central() as connection:
            return registry.find(connection, term)

    def list_plugins(self) -> list[Plugin]:
        """List the plugins that a company may install, by id. Read-only."""
        with self._installation.central() as connection:
            return registry.plugins(connection)

    # Companies

    def register(self, *, on_step: Callable[[str], None] = lambda _: None, **values: Any) -> Company:
        """Register a company with a database of its own and its first user; see `Registration` for the values.

        Raises InvalidInput, AlreadyExists, UnknownPlugin before anything is touched, ProvisionError after undoing.
        """
        return registering.register(self._installation, checked(values), on_step=on_step)

    def plan_register(self, **values: Any) -> list[Plugin]:
        """Tell whether `register` would accept these values; return the plugins that it would install. Read-only.

        Raises InvalidInput, AlreadyExists, UnknownPlugin, UnknownServer, ServerUnavailable.
        """
        return registering.check(self._installation, checked(values))

    def company_plugins(self, company: int | str) -> list[CompanyPlugin]:
        """List all plugins by id, and how each stands with a company. Raises UnknownCompany. Read-only."""
        return plugins.listed(self._installation, self.get_company(company))

    def install_plugin(self, company: int | str, plugin: int | str) -> FleetReport:
        """Bring a plugin's tables and rows to a company; again, it changes nothing.

        Raises UnknownCompany, UnknownPlugin.
        """
        return plugins.install(self._installation, self.get_company(company), plugin)

    def uninstall_plugin(self, company: int | str, plugin: int | str, *, drop_data: bool = False) -> FleetReport:
        """Take a plugin's tables and rows from a company; the notes name the copy of its database that is kept.

        Raises UnknownCompany, UnknownPlugin; Refused where tables are to go and `drop_data` does not say so.
        """
        return plugins.uninstall(self._installation, self.get_company(company), plugin, drop_data=drop_data)

    def enable_plugin(self, company: int | str, plugin: int | str) -> FleetReport:
        """Switch an installed plugin on. Raises UnknownCompany, UnknownPlugin, UsageError when it is not installed."""
        return plugins.enable(self._installation, self.get_company(company), plugin)

    def disable_plugin(self, company: int | str, plugin: int | str) -> FleetReport:
        """Switch an installed plugin off and keep its data. Raises UnknownCompany, UnknownPlugin, UsageError."""
        return plugins.disable(self._installation, self.get_company(company), plugin)

    def fill_demo(
        self, company: Company, profile: Profile, *, until: dt.date, on_rows: OnRows = lambda *_: None
    ) -> int:
        """Fill a company with the business of a profile, up to the day `until`; return the rows written.

        All of them or none. `on_rows` is called with the rows written so far and which part of the business's time is
        behind. Its tables are locked meanwhile. Raises AlreadyExists when it has customers.
        """
        load_whole("numpy")
        from mpm_ops.demo.business import generate
        from mpm_ops.demo.load import load

        role = self.settings.owner_role
        with self._installation.server_of(company).connect(company.database, role=role) as connection:
            return load(connection, profile, generate(profile, until=until), on_rows=on_rows)

    def demo_data(
        self,
        company: int | str,
        *,
        customers: int,
        years: int = 1,
        seed: int = 1,
        country: str = "TZ",
        until: dt.date | None = None,
        on_rows: OnRows = lambda *_: None,
    ) -> int:
        """Fill a company with a made-up business of so many customers, as `fill_demo` does; return the rows written.

        The same values make the same rows; `until` is yesterday (UTC) by default. `country` is one of
        `mpm_ops.demo.profiles.COUNTRIES`. Raises InvalidInput, UnknownCompany, AlreadyExists; Refused in production.
        """
        if self.settings.env == "production":
            raise Refused("made-up data does not go into production", hint="Unset MPM_OPS_ENV.")
        profile = sized(country, customers=customers, years=years, seed=seed)
        last = until or dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
        return self.fill_demo(self.get_company(company), profile, until=last, on_rows=on_rows)

    def reconcile(self) -> list[Reconciled]:
        """Finish or undo registrations that a crash left half done, and drop logins whose time is over."""
        return reconciling.reconcile(self._installation)

    def login(self, email: str, password: str, *, write: bool = False) -> Session:
        """Return a session bound to the database of the company that this user belongs to. Raises LoginFailed."""
        company = users.authenticate(self._installation, email, password)
        name = f"{company.database}_login"
        login = ShortLogin(self._installation.server_of(company), self._maintenance(company), name=name)
        return Session(company, login, Journal(self._installation, email), user=email, write=write)

    # Analysts

    def add_analyst(self, name: str) -> NewLogin:
        """Add an analyst, who may read nothing yet; the password is in the answer and nowhere else."""
        return analysts.add(self._installation, name)

    def grant_analyst(
        self, name: str, companies: Companies, *, personal_data: bool = False, until: dt.datetime | None = None
    ) -> Analyst:
        """Let an analyst read companies, None for all, those to come too. Raises UnknownAnalyst, UnknownCompany."""
        return analysts.grant(self._installation, name, companies, personal_data=personal_data, until=until)

    def revoke_analyst(self, name: str, companies: Companies) -> Analyst:
        """Take grants away, None for all; the analyst's sessions there end. Raises UnknownAnalyst, UnknownCompany."""
        return analysts.revoke(self._installation, name, companies)

    def remove_analyst(self, name: str) -> None:
        """Remove an analyst with the login and its sessions. Raises UnknownAnalyst."""
        analysts.remove(self._installation, name)

    def analysts(self) -> Sequence[Analyst]:
        """List the analysts by name, with what they may read. Read-only."""
        return analysts.listed(self._installation)

    def token(self, name: str, companies: Sequence[int | str], *, hours: float) -> NewLogin:
        """Make a login that reads these companies for so many hours. Raises UnknownCompany."""
        return analysts.token(self._installation, name, companies, hours=hours)

    def sweep(self, *, dry_run: bool = False) -> Sequence[str]:
        """End grants and tokens whose time is over, with the sessions that use them; return what was ended.

        A dry run ends nothing.
        """
        return analysts.over(self._installation) if dry_run else analysts.sweep(self._installation)

    def audit_log(self, company: int | str | None = None, *, limit: int = 100) -> list[Asked]:
        """List the last questions that were asked, of one company or of all; newest first. Read-only."""
        company_id = None if company is None else self.get_company(company).id
        with self._installation.central() as connection:
            return questions.listed(connection, company_id=company_id, limit=limit)

    def reap(self, *, seconds: float = 600, dry_run: bool = False) -> list[Reaped]:
        """End statements and open transactions of those who read, once they are so many seconds old.

        A dry run ends nothing.
        """
        return reaper.reap(self._installation, seconds=seconds, dry_run=dry_run)

    # Migrations

    def make_migration(self, name: str, *, autogenerate: bool = False, own: bool = not is_checkout()) -> Revision:
        """Write a new revision file of the central database: into the tree, or into the installation's own folder."""
        return new_migration.central(self._installation, name, autogenerate=autogenerate, own=own)

    def make_migration_tenant(
        self, name: str, *, autogenerate: bool = False, own: bool = not is_checkout(), plugin: str = ""
    ) -> Revision:
        """Write a new revision file of the company databases: into the tree, or into the installation's own folder.

        With the name of a `plugin` it goes on that plugin's branch, into its folder. Raises UnknownPlugin.
        """
        return new_migration.tenant(self._installation, name, autogenerate=autogenerate, own=own, plugin=plugin)

    def migrate_tenant(
        self,
        companies: Companies = None,
        *,
        policy: Policy | None = None,
        hooks: Hooks | None = None,
        verify: bool = False,
        create_missing: bool = False,
    ) -> FleetReport:
        """Apply what is pending to all companies, or to those named. `verify` does not trust the stamps.

        With `create_missing` a company whose database is gone gets an empty new one first.
        """
        chosen = self._chosen(companies, policy)
        made: Sequence[str] = ()
        if create_missing:
            made = missing_databases.create(self._installation, chosen)
        course = courses.upgrade(self._installation, chosen, verify=verify, notes=made)
        return self._go(course, policy, hooks)

    def alone(self) -> AbstractContextManager[None]:
        """Be the only one at the fleet for a `with` block, so that an overlong night does not meet the next one.

        Raises Busy, at once, with who is at it: another such block, or a run that is under way. The lock goes with the
        process, however that ends. Runs that others begin meanwhile without it are not held off.
        """
        return alone.alone(self._installation)

    def dry_run(self, companies: Companies = None, *, policy: Policy | None = None, verify: bool = False) -> DryRun:
        """Tell what `migrate_tenant` would do: the SQL of each distinct plan, and who would go through it.

        Its notes hold what `lint_migrations` has against that SQL.
        """
        course = courses.upgrade(self._installation, self._chosen(companies, policy), verify=verify)
        return migrations.dry_run(course, notes=lint.notes(self._installation, course.distinct.values()))

    def lint_migrations(self, revisions: Sequence[str] | None = None, *, every: bool = False) -> Linted:
        """Tell what in tenant revisions stops users, breaks running code or fails half-way. Read-only.

        Without `revisions` (ids, the first characters of ids, paths of files) it is about those that some company has
        yet to get; with them, or with `every`, no server is needed. Raises InvalidInput, LinterMissing.
        """
        return lint.lint(self._installation, revisions, every=every)

    def rehearse(
        self, companies: Companies = None, *, count: int, policy: Policy | None = None, hooks: Hooks | None = None
    ) -> Rehearsal:
        """Try what `migrate_tenant` would do on clones of the `count` riskiest companies: the largest and the oldest.

        The clones are dropped again; neither the companies' databases nor the ledger are written to.
        """
        chosen = self._chosen(companies, policy)
        return rehearsing.rehearse(
            self._installation, chosen, count=count, policy=self._policy(policy), hooks=hooks or Hooks()
        )

    def tenant_states(
        self, companies: Companies = None, *, policy: Policy | None = None, verify: bool = False
    ) -> list[CompanyState]:
        """Tell where each company's database is and what is pending; of those that a policy chooses. Read-only."""
        return states.states(self._installation, self._chosen(companies, policy), verify=verify)

    def forget_revisions(self) -> None:
        """Read the migration files again at the next use: they were edited."""
        self._installation.forget_trees()

    def tenant_revisions(self, heads: Sequence[str] = ()) -> list[Revision]:
        """List the revisions that a company at `heads` has or is to get, oldest first. Read-only.

        Those of plugins that it does not have are not among them. Raises UnknownState.
        """
        return self._installation.tenant_tree.revisions_for(tuple(heads))

    def rollback_tenant(
        self,
        companies: Companies = None,
        *,
        step: int | None = None,
        policy: Policy | None = None,
        hooks: Hooks | None = None,
    ) -> FleetReport:
        """Undo the last `step` revisions, or what the last migrate-tenant run applied to each company."""
        chosen = self._chosen(companies, policy)
        return self._go(courses.rollback(self._installation, chosen, step=step), policy, hooks)

    def reset_tenant(
        self, companies: Companies = None, *, policy: Policy | None = None, hooks: Hooks | None = None
    ) -> FleetReport:
        """Roll everything back: the databases end without tables and their rows are lost."""
        return self._go(courses.reset(self._installation, self._chosen(companies, policy)), policy, hooks)

    def refresh_tenant(
        self, companies: Companies = None, *, policy: Policy | None = None, hooks: Hooks | None = None
    ) -> FleetReport:
        """Roll everything back and migrate again: the rows are lost."""
        return self._go(courses.refresh(self._installation, self._chosen(companies, policy)), policy, hooks)

    def fresh_tenant(
        self, companies: Companies = None, *, policy: Policy | None = None, hooks: Hooks | None = None
    ) -> FleetReport:
        """Replace the databases by new ones: all rows and hand-made tables are lost."""
        chosen = self._chosen(companies, policy)
        return fresh.fresh(self._installation, chosen, policy=self._policy(policy), hooks=hooks or Hooks())

    def drift(self, companies: Companies = None, *, full: bool = False) -> list[CompanyDrift]:
        """Compare each company's database with what its own revision makes: added, missing, changed objects.

        One whose catalog has not changed since its last comparison is not compared again, unless `full`.
        """
        chosen = self._chosen(companies)
        return drift.drift(self._installation, chosen, workers=self.settings.workers, full=full)

    def status(self, *, verify: bool = False) -> FleetStatus:
        """Tell the state of the fleet: who is at which revision, behind, busy, failed last, out of reach. Read-only."""
        return status.status(self._installation, verify=verify)

    def usage_snapshot(self, *, keep_days: int = 400, dry_run: bool = False) -> Sequence[Usage]:
        """Measure what every company's database holds and does, and write it to `ops.usage`; return it, by company id.

        Bytes and counters are asked of each server at once, rows (estimated) of each company. What could not be asked
        is None, with the reason in `error`. Snapshots older than `keep_days` are deleted; with `dry_run` nothing is
        written. Raises InvalidInput.
        """
        return usage.snapshot(self._installation, keep_days=keep_days, write=not dry_run)

    def usage(self, company: int | str | None = None, *, days: int = 90) -> Sequence[Usage]:
        """List what the snapshots of the last `days` know, oldest first; of one company or of all. Read-only.

        `mpm_ops.records.growth` tells what became of each in between. Raises UnknownCompany, InvalidInput.
        """
        chosen = None if company is None else self.get_company(company)
        return usage.history(self._installation, chosen, days=days)

    def doctor(self) -> list[Deviation]:
        """Look for what lets an analyst do more than read what was granted, on every server. Read-only."""
        return safety.doctor(self._installation)

    def harden(self, level: Hardening | None = None) -> list[Hardened]:
        """Close every database to logins that were granted nothing; default: as far as the settings say.

        Raises ServerError when the login may not.
        """
        return safety.harden(self._installation, level or self.settings.level)

    def audit(self) -> list[AuditFinding]:
        """Compare the servers with the central database and the rules of the house. Read-only."""
        return auditing.audit(self._installation)

    def repair(self, findings: Sequence[AuditFinding]) -> list[Repaired]:
        """Put right those of an audit's findings by which nothing of anybody's is lost."""
        return auditing.repair(self._installation, findings)

    # Runs

    def share_run(self, companies: Companies = None, *, policy: Policy | None = None, batch: int = 50) -> RunMember:
        """Begin a migrate-tenant run that several processes share, in batches of so many companies; nothing is touched.

        What comes back leads it: `take` its batches until none is left, then `end` it, and close it. Canary, waves,
        gate and budget are of all companies together; where the preflight stops the run, it is over.
        """
        course = courses.upgrade(self._installation, self._chosen(companies, policy))
        return sharing.share(self._installation, course, policy=self._policy(policy), size=batch)

    def join_run(self, run_id: int) -> RunMember:
        """Take part in a run that another process shares. Raises UnknownRun, and UsageError for one that none does."""
        return RunMember(self._installation, run_id)

    def runs(self, *, limit: int = 20) -> list[Run]:
        """List the last fleet runs, newest first. Read-only."""
        return runs.runs(self._installation, limit=limit)

    def run(self, run_id: int) -> FleetReport:
        """Return the account of a run as the ledger has it. Raises UnknownRun. Read-only."""
        return runs.report(self._installation, run_id)

    def resume_run(
        self,
        run_id: int,
        *,
        companies: Companies = None,
        policy: Policy | None = None,
        hooks: Hooks | None = None,
    ) -> FleetReport:
        """Finish a migrate-tenant run: the companies that were failed, busy or untouched when it ended or was killed.

        All of them, or those named among them. Raises Busy while it is under way.
        """
        chosen = self._chosen(companies, policy)
        return runs.resume(self._installation, run_id, chosen, policy=self._policy(policy), hooks=hooks or Hooks())

    def rollback_run(self, run_id: int, *, policy: Policy | None = None, hooks: Hooks | None = None) -> FleetReport:
        """Undo exactly what one run applied, company by company. Raises UnknownRun."""
        chosen = runs.chosen_of(self._installation, run_id)
        return self._go(courses.undo(self._installation, chosen, run_id), policy, hooks)

    def plan_rollback_run(self, run_id: int) -> DryRun:
        """Tell what `rollback_run` would do: the SQL of each distinct plan, and who would go through it.

        No company is touched; the account of a killed run is completed first. Raises UnknownRun, UsageError.
        """
        chosen = runs.chosen_of(self._installation, run_id)
        return migrations.dry_run(courses.undo(self._installation, chosen, run_id))

    def pause_run(self, run_id: int, *, paused: bool = True) -> None:
        """Ask a run, of whatever process, to begin no further company, or with `paused=False` to go on."""
        runs.pause(self._installation, run_id, paused=paused)

    def history(self, term: int | str) -> list[Applied]:
        """List which revision was applied to a company, or undone, when and by whom; newest first. Read-only.

        The last one is what it was registered with.
        """
        return runs.of_company(self._installation, self.get_company(term))

    # Questions

    def company(self, term: int | str, *, personal_data: bool = False) -> CompanyReader:
        """Return the company with this id, name or e-mail address, ready to be asked. Raises UnknownCompany.

        Names, phones, addresses and the like are masked unless `personal_data` is wanted.
        """
        return self._asked(self.get_company(term), personal_data=personal_data)

    def query(
        self,
        sql: str,
        *,
        companies: Companies = None,
        params: Params = None,
        max_rows: int | None = 10_000,
        workers: int | None = None,
        errors: Literal["raise", "collect"] = "raise",
        personal_data: bool = False,
        numeric: Numeric = "decimal",
        stop: threading.Event | None = None,
        on_answer: Callable[[], None] | None = None,
    ) -> Result:
        """Return the answers of all companies, or of those named, to one question; its first column is `company`.

        It is asked when somebody first looks, of so many companies at a time as there are `workers` (default: of the
        settings). `max_rows` is the cap for each company, `personal_data` as in `company`, `numeric` as in its
        `query`; what one company lacks of the others' columns is NULL, and noted. `stop`, set by another thread,
        cancels it on the servers; `on_answer` is called whenever a company has answered or failed, and stands in for
        the progress bar that a notebook shows.

        Looking raises FleetFailed that names those which did not answer, or with `errors="collect"` keeps them in the
        result's `errors`, by name.
        """
        if errors not in ("raise", "collect"):
            raise UsageError(f"errors is {errors!r}", hint='Write errors="raise" or errors="collect".')
        if workers is not None and workers < 1:
            raise UsageError(f"workers is {workers}", hint="Give a number of companies that are asked at a time.")
        checked_numeric(numeric)
        readers = [self._asked(company, personal_data=personal_data) for company in self._chosen(companies)]
        return fanout.result(
            readers,
            sql,
            params=params,
            limits=Limits(rows=checked_rows(max_rows)),
            numeric=numeric,
            workers=workers or self.settings.workers,
            collect=errors == "collect",
            stop=stop,
            on_answer=on_answer,
        )

    def read_sql(
        self,
        sql: str,
        *,
        companies: Companies = None,
        params: Params = None,
        max_rows: int | None = 10_000,
        workers: int | None = None,
        errors: Literal["raise", "collect"] = "raise",
        personal_data: bool = False,
        numeric: Numeric = "decimal",
    ) -> pd.DataFrame:
        """Ask all companies, or those named, the same question; one DataFrame with a first column `company`.

        `query(…).df`, with a warning where an answer was cut (Truncated) or, with `errors="collect"`, some did not
        answer (Unanswered). Raises as `query`.
        """
        found = self.query(
            sql,
            companies=companies,
            params=params,
            max_rows=max_rows,
            workers=workers,
            errors=errors,
            personal_data=personal_data,
            numeric=numeric,
        )
        return found.warned(stacklevel=2).df

    @property
    def figures(self) -> Figures[Result]:
        """Revenue, energy, customers, loans, agents ... of all companies: rows of each, after a column `company`.

        `figures.asked_with(companies=[…], errors="collect")` asks some, or keeps who did not answer, as `query` does.
        """
        return Figures(self.query)

    # Notebooks

    def explore(self, *, personal_data: bool = False) -> Explorer:
        """Return an app for a notebook: choose a company, see its tables, ask, see the answer. Read-only.

        Personal data is masked unless `personal_data` is wanted. Raises UsageError where ipywidgets is not installed.
        """
        from mpm_ops.notebook.explore import Explorer

        return Explorer(self, personal_data=personal_data)

    def fleet_board(self) -> FleetBoard:
        """Return an app for a notebook: the state of the fleet, dry runs, and migrations with what they are at.

        Raises UsageError where ipywidgets is not installed.
        """
        from mpm_ops.notebook.board import FleetBoard

        return FleetBoard(self)

    def revenue_report(
        self,
        company: int | str,
        folder: str | Path,
        *,
        first_month: str = "",
        last_month: str = "",
        cell_seconds: int = 600,
    ) -> Rendered:
        """Run the notebook `04_revenue_report` for a company, and write what it shows to a page and Parquet files.

        The months are such as 2026-03; without them, the last six that are over. The files are named after the
        company's id, and each is there once it is whole. Raises UnknownCompany, NotebookFailed, UsageError.
        """
        from mpm_ops.notebook import rendered

        return rendered.render(
            self.settings,
            self.get_company(company),
            Path(folder),
            first_month=first_month,
            last_month=last_month,
            cell_seconds=cell_seconds,
        )

    def close(self) -> None:
        """Drop the reading logins and close all connections."""
        while self._readers:
            self._readers.popitem()[1].close()
        self._installation.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _asked(self, company: Company, *, personal_data: bool) -> CompanyReader:
        """Return a reader of the company, with a login that all readers of its server share, made at the first one.

        An analyst reads with the login of the settings.
        """
        key = (company.server, personal_data)
        if key not in self._readers and self._installation.is_analyst:
            self._readers[key] = Login(self._installation.server_named(company.server))
        if key not in self._readers:
            person = re.sub(r"[^a-z0-9]", "", operator().lower())[:12]
            self._readers[key] = ShortLogin(
                self._installation.server_named(company.server),
                self._maintenance(company),
                name=f"{self.settings.prefix}reader_{person}",
                connections=self.settings.workers + 8,
            )
        return CompanyReader(company, self._readers[key], self._journal, personal_data=personal_data)

    def _maintenance(self, company: Company) -> str:
        """Name the database on the company's server in which logins are made."""
        return self.settings.central_database if company.server == MAIN else "postgres"

    def _chosen(self, companies: Companies, policy: Policy | None = None) -> list[Company]:
        return selection.chosen(self._installation, companies, policy)

    def _policy(self, policy: Policy | None) -> Policy:
        return policy or Policy(workers=self.settings.workers)

    def _go(self, course: courses.Course, policy: Policy | None, hooks: Hooks | None) -> FleetReport:
        return migrations.go(self._installation, course, policy=self._policy(policy), hooks=hooks or Hooks())


def connect(settings: Settings | None = None) -> Ops:
    """Return the installation that the environment describes; the embedded server is started when it is needed."""
    return Ops(settings)


def login(email: str, password: str, *, write: bool = False) -> Session:
    """Log a company's user in and return a session on that company's database. Raises LoginFailed.

    An unknown e-mail address and a wrong password look the same and take the same time.
    """
    return Ops().login(email, password, write=write)
