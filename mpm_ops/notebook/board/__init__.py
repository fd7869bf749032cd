"""The app for operators: the state of the fleet, dry runs, and migrations with what they are at."""

from __future__ import annotations

from mpm_ops.notebook.board.fleet_board import FleetBoard

__all__ = ["FleetBoard"]
