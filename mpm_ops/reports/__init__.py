"""The report of a fleet run in forms that are kept: Markdown, one HTML page, JSON; and what a run would do.

Each function takes the account of a run, and the state of the fleet for the spread of revisions. What comes from
elsewhere, names of companies and errors of servers, stays text in each of them;
`as_markdown` does that for one text.
"""

from __future__ import annotations

from mpm_ops.reports.chart import picture
from mpm_ops.reports.escaping import as_markdown
from mpm_ops.reports.markdown import markdown
from mpm_ops.reports.page import html
from mpm_ops.reports.plain import as_json
from mpm_ops.reports.planned import planned, told

__all__ = ["as_json", "as_markdown", "html", "markdown", "picture", "planned", "told"]
