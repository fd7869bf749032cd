"""HTML of the apps: whatever comes from elsewhere goes through `escaped`, and the colours are JupyterLab's."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from mpm_ops.errors import MpmOpsError
from mpm_ops.harmless import harmless

#: Colours follow the theme; outside of JupyterLab the second ones hold, which are readable on light and dark.
STYLE = """<style>
.mpm-app { max-width: 1280px; overflow: hidden }
.mpm-app .widget-html { height: auto; max-width: 100% }
.mpm-app .widget-html > .widget-html-content { line-height: 1.4; min-width: 0 }
.mpm-app .widget-vbox, .mpm-app .widget-html { min-width: 0 }
.mpm-app h2 { font-size: 1.25em; font-weight: 600; margin: 0.2em 0 }
.mpm-app h3 { font-size: 1em; font-weight: 600; margin: 0.8em 0 0.2em }
.mpm-app p { margin: 0.2em 0 }
.mpm-app .mpm-muted { color: var(--jp-ui-font-color2, #777) }
.mpm-app .mpm-good { color: var(--jp-success-color1, #2e8540) }
.mpm-app .mpm-warn { color: var(--jp-warn-color1, #b86e00) }
.mpm-app .mpm-bad { color: var(--jp-error-color1, #c62828) }
.mpm-app .mpm-file a { color: var(--jp-brand-color1, #1976d2); text-decoration: underline }
.mpm-app .mpm-wide { overflow-x: auto }
.mpm-app .mpm-wide > table { width: max-content }
.mpm-app .mpm-columns .mpm-wide > table { width: auto }
.mpm-app .mpm-long { max-height: 420px; overflow-y: auto }
.mpm-app table { border-collapse: collapse; font-size: 0.92em; margin: 0.3em 0 }
.mpm-app th { font-weight: 600; white-space: nowrap; border-bottom: 1px solid var(--jp-border-color1, #999) }
.mpm-app th, .mpm-app td { padding: 2px 10px 2px 4px; text-align: left; vertical-align: top; max-width: 36em }
.mpm-app td { border-bottom: 1px solid var(--jp-border-color2, #ccc8); overflow-wrap: break-word }
.mpm-app pre { font-family: var(--jp-code-font-family, monospace); font-size: 0.92em; line-height: 1.35;
  margin: 0.3em 0; padding: 6px 10px; overflow: auto; max-height: 320px; white-space: pre; color: inherit;
  background: var(--jp-layout-color2, #8881); border-left: 3px solid var(--jp-border-color1, #999) }
.mpm-app pre.mpm-error { border-left-color: var(--jp-error-color1, #c62828) }
.mpm-app .mpm-track { width: 260px; height: 11px; background: var(--jp-layout-color2, #8883) }
.mpm-app .mpm-bar { height: 11px; background: var(--jp-brand-color1, #1976d2) }
.mpm-app .mpm-bar.mpm-behind { background: var(--jp-warn-color1, #ef8b00) }
.mpm-app .mpm-stacked { flex-direction: column; align-items: stretch; height: auto }
.mpm-app .mpm-stacked > .widget-label { width: auto; text-align: left; height: 22px }
.mpm-app .mpm-stacked > select, .mpm-app .mpm-stacked > textarea { width: 100%; flex: 0 0 auto; min-height: 28px }
.mpm-app .mpm-editor textarea { font-family: var(--jp-code-font-family, monospace); line-height: 1.4 }
.mpm-app .mpm-stacked > input { width: 100% }
.mpm-app img.mpm-chart { background: white }
</style>"""


def escaped(text: object) -> str:
    """Return a text of whatever origin as HTML that shows it and does nothing else."""
    return html.escape(harmless(str(text)))


def paragraph(text: object, kind: str = "") -> str:
    """Return a paragraph; `kind` is `muted`, `good`, `warn` or `bad`."""
    return f'<p class="mpm-{kind}">{escaped(text)}</p>' if kind else f"<p>{escaped(text)}</p>"


def said(text: object, kind: str = "muted") -> str:
    """Return a sentence that a screen reader is to say once it stands there."""
    return f'<div role="status" class="mpm-{kind}">{escaped(text)}</div>'


def heading(text: object) -> str:
    """Return a heading of a part."""
    return f"<h3>{escaped(text)}</h3>"


def preformatted(text: object, kind: str = "") -> str:
    """Return lines in which every character is as wide as the other, so that a caret is under its place."""
    return f'<pre class="mpm-{kind}">{escaped(text)}</pre>' if kind else f"<pre>{escaped(text)}</pre>"


def error(exc: BaseException) -> str:
    """Return an error in its few lines; of one that is not ours the kind and the message."""
    lines = exc.lines() if isinstance(exc, MpmOpsError) else [f"{type(exc).__name__}: {exc}"]
    return f'<div role="alert">{preformatted(chr(10).join(lines), "error")}</div>'


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], *, most: int = 50) -> str:
    """Return a table of texts; of more than `most` rows it says how many are not shown."""
    listed = list(rows)
    head = "".join(f'<th scope="col">{escaped(name)}</th>' for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escaped(cell)}</td>' for cell in row)}</tr>" for row in listed[:most])
    more = paragraph(f"and {len(listed) - most} more", "muted") if len(listed) > most else ""
    return (
        f'<div class="mpm-wide mpm-long"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{more}'
    )


def bar(share: float, *, kind: str = "") -> str:
    """Return a bar that fills a share, 0 to 1, of its track; what it says must stand beside it, too."""
    percent = max(0.0, min(1.0, share)) * 100
    return f'<div class="mpm-track"><div class="mpm-bar mpm-{kind}" style="width: {percent:.1f}%"></div></div>'


def few(names: Sequence[str], most: int = 10) -> str:
    """Name the first of them, and how many more there are; plain text."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
