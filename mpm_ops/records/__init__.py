"""Frozen records that cross the borders between layers, and on to callers."""

from __future__ import annotations

from mpm_ops.records.access import (
    Analyst,
    AnalystGrant,
    Asked,
    Deviation,
    Hardened,
    Hardening,
    NewLogin,
    Question,
    Reaped,
)
from mpm_ops.records.checks import CompanyDrift, Difference, Finding, Level, Linted
from mpm_ops.records.company import MAIN, Company, CompanyPlugin, CompanyState, CompanyStatus, Plugin, Snapshot
from mpm_ops.records.course import Step, course
from mpm_ops.records.fleet import Applied, DryRun, FleetStatus, PlannedSql, Revision, Run, SharedRun, Spread
from mpm_ops.records.lake import Exported, ExportedTable
from mpm_ops.records.report import Cause, Failure, FleetReport, Outcome, Status, counted
from mpm_ops.records.usage import Growth, Usage, growth

__all__ = [
    "MAIN",
    "Analyst",
    "AnalystGrant",
    "Applied",
    "Asked",
    "Cause",
    "Company",
    "CompanyDrift",
    "CompanyPlugin",
    "CompanyState",
    "CompanyStatus",
    "Deviation",
    "Difference",
    "DryRun",
    "Exported",
    "ExportedTable",
    "Failure",
    "Finding",
    "FleetReport",
    "FleetStatus",
    "Growth",
    "Hardened",
    "Hardening",
    "Level",
    "Linted",
    "NewLogin",
    "Outcome",
    "PlannedSql",
    "Plugin",
    "Question",
    "Reaped",
    "Revision",
    "Run",
    "SharedRun",
    "Snapshot",
    "Spread",
    "Status",
    "Step",
    "Usage",
    "counted",
    "course",
    "growth",
]
