"""What another process of a benchmark needs to know."""

from __future__ import annotations

import os

from mpm_ops import Ops


def surroundings(ops: Ops) -> dict[str, str]:
    """Return the environment of a process that works on the same installation."""
    return {
        **os.environ,
        "MPM_OPS_DATABASE_URL": ops._installation.server.dsn("postgres"),
        "MPM_OPS_HOME": str(ops.settings.home),
        "MPM_OPS_PREFIX": ops.settings.prefix,
        "MPM_OPS_CENTRAL_DATABASE": ops.settings.central_database,
    }
