"""Ops: the facade, one short method per verb. What each does lies in the layer it calls."""

from __future__ import annotations

from mpm_ops.analysis.session import Session
from mpm_ops.ops.analysts import AnalystVerbs
from mpm_ops.ops.lake import LakeVerbs
from mpm_ops.ops.notebooks import NotebookVerbs
from mpm_ops.settings import Settings


class Ops(AnalystVerbs, LakeVerbs, NotebookVerbs):
    """One installation of mpm_ops. Get one from `mpm_ops.connect()`; close it, or use it in a `with` block."""


def connect(settings: Settings | None = None) -> Ops:
    """Return the installation that the environment describes; the embedded server is started when it is needed."""
    return Ops(settings)


def login(email: str, password: str, *, write: bool = False) -> Session:
    """Log a company's user in and return a session on that company's database. Raises LoginFailed.

    An unknown e-mail address and a wrong password look the same and take the same time.
    """
    return Ops().login(email, password, write=write)
