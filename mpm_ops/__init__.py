"""One database per company: provision, migrate and query a fleet of MicroPowerManager databases.

::

    import mpm_ops

    ops = mpm_ops.connect()
    ops.company("acme").read_sql("SELECT count(*) FROM meters")
    ops.read_sql("SELECT sum(amount) FROM transactions")
"""

from mpm_ops.analysis.reader import CompanyReader, Truncated
from mpm_ops.analysis.session import Session
from mpm_ops.companies.account import Hooks
from mpm_ops.errors import MpmOpsError
from mpm_ops.fleet.policy import Policy
from mpm_ops.ops import Ops, connect, login
from mpm_ops.records import Company, CompanyState, FleetReport, Outcome, Plugin, Revision, Status
from mpm_ops.settings import Settings

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
    "Policy",
    "Revision",
    "Session",
    "Settings",
    "Status",
    "Truncated",
    "connect",
    "login",
]
