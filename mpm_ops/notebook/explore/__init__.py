"""The app for analysts: a company, its tables, a question, and the answer as rows and as a picture."""

from __future__ import annotations

from mpm_ops.notebook.explore.explorer import Explorer

__all__ = ["Explorer"]
