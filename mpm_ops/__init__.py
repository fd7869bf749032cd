"""One database per company: provision, migrate and query a fleet of MicroPowerManager databases.

::

    import mpm_ops

    ops = mpm_ops.connect()
    ops.company("acme").read_sql("SELECT count(*) FROM meters")
    ops.read_sql("SELECT sum(amount) FROM transactions")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mpm_ops.analysis.reader import CompanyReader
    from mpm_ops.analysis.result import Result, Truncated, Unanswered
    from mpm_ops.analysis.session import Session
    from mpm_ops.companies.hooks import Hooks
    from mpm_ops.companies.member import RunMember
    from mpm_ops.errors import MpmOpsError
    from mpm_ops.fleet.policy import Policy
    from mpm_ops.ops import Ops, connect, login
    from mpm_ops.records import Company, CompanyState, FleetReport, Outcome, Plugin, Revision, Status
    from mpm_ops.settings import Settings
    from mpm_ops.tenant.manifests import PluginManifest

__all__ = [
    "Company",
    "CompanyReader",
    "CompanyState",
    "FleetReport",
    "Hooks",
    "MpmOpsError",
    "Ops",
    "Outcome",
    "Plugin",
    "PluginManifest",
    "Policy",
    "Result",
    "Revision",
    "RunMember",
    "Session",
    "Settings",
    "Status",
    "Truncated",
    "Unanswered",
    "connect",
    "login",
]

#: Where the public names are. Each is loaded when it is first used: `mpm-ops` is here before its own modules are.
_PLACES = {
    "Company": "mpm_ops.records",
    "CompanyReader": "mpm_ops.analysis.reader",
    "CompanyState": "mpm_ops.records",
    "FleetReport": "mpm_ops.records",
    "Hooks": "mpm_ops.companies.hooks",
    "MpmOpsError": "mpm_ops.errors",
    "Ops": "mpm_ops.ops",
    "Outcome": "mpm_ops.records",
    "Plugin": "mpm_ops.records",
    "PluginManifest": "mpm_ops.tenant.manifests",
    "Policy": "mpm_ops.fleet.policy",
    "Result": "mpm_ops.analysis.result",
    "Revision": "mpm_ops.records",
    "RunMember": "mpm_ops.companies.member",
    "Session": "mpm_ops.analysis.session",
    "Settings": "mpm_ops.settings",
    "Status": "mpm_ops.records",
    "Truncated": "mpm_ops.analysis.result",
    "Unanswered": "mpm_ops.analysis.result",
    "connect": "mpm_ops.ops",
    "login": "mpm_ops.ops",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found = getattr(import_module(_PLACES[name]), name)
    return found


def load_ipython_extension(shell: Any) -> None:
    """Do what `%load_ext mpm_ops` is for: bring `%company`, `%%mpm`, their completion, and tables of our records."""
    from mpm_ops.notebook import extension
    from mpm_ops.ops import connect

    extension.load(shell, connect)


def unload_ipython_extension(shell: Any) -> None:
    """Do what `%unload_ext mpm_ops` is for: take all of it back."""
    from mpm_ops.notebook import extension

    extension.unload(shell)


def __dir__() -> list[str]:
    return __all__
