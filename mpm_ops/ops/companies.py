"""The central database and the companies it lists: their registration, plugins and made-up businesses."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mpm_ops.analysis.access import ShortLogin
from mpm_ops.analysis.interrupted import load as load_whole
from mpm_ops.analysis.journal import Journal
from mpm_ops.analysis.session import Session
from mpm_ops.central import registry
from mpm_ops.companies import plugins, snapshots, users
from mpm_ops.companies import reconcile as reconciling
from mpm_ops.companies import register as registering
from mpm_ops.companies.reconcile import Reconciled
from mpm_ops.companies.registration import checked
from mpm_ops.demo.profiles import Profile, sized
from mpm_ops.errors import Refused
from mpm_ops.ops.opened import Opened
from mpm_ops.records import Company, CompanyPlugin, FleetReport, Plugin, Revision, Snapshot

if TYPE_CHECKING:
    from mpm_ops.demo.load import OnRows


class CompanyVerbs(Opened):
    """Verbs about companies and the central database."""

    def migrate(self) -> list[Revision]:
        """Make the central database where it is missing and bring it to its head; return what was applied."""
        return self._installation.migrate_central()

    def pending(self) -> list[Revision]:
        """List what `migrate` would apply to the central database, oldest first. Read-only."""
        return self._installation.pending_central()

    def list_plugins(self) -> list[Plugin]:
        """List the plugins that a company may install, by id. Read-only."""
        with self._installation.central() as connection:
            return registry.plugins(connection)

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

    def snapshots(self, company: int | str | None = None) -> Sequence[Snapshot]:
        """List the copies of databases that uninstalling plugins kept, oldest first; of one company or of all.

        Read-only. Raises UnknownCompany.
        """
        return snapshots.listed(self._installation, None if company is None else self.get_company(company))

    def drop_snapshots(
        self, company: int | str | None = None, *, days: float, dry_run: bool = False
    ) -> Sequence[Snapshot]:
        """Drop the snapshots that are at least so many days old; return them. A dry run drops nothing.

        Nothing else ever drops one. Raises UnknownCompany, InvalidInput.
        """
        chosen = None if company is None else self.get_company(company)
        return snapshots.drop(self._installation, chosen, days=days, dry_run=dry_run)

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
