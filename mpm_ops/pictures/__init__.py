"""Pictures: numbers of a frame as lines or bars, and the state of the fleet.

They are drawn on figures of their own, without pyplot: in any thread, and nothing is left behind. A notebook shows
the Axes that a function returns when they are a cell's last value; `axes.figure.savefig(path)` makes a file of them.
"""

from __future__ import annotations

from mpm_ops.pictures.drawing import panels, plot
from mpm_ops.pictures.fleet import fleet_over_time, fleet_progress, revision_spread

__all__ = ["fleet_over_time", "fleet_progress", "panels", "plot", "revision_spread"]
