"""The look of our pages: by day, by night and on paper, without a file, a font or a script from elsewhere."""

from __future__ import annotations

from mpm_ops.reports.escaping import as_html

#: What a browser may load for a page: nothing, but for what is in it.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

# The colours of outcomes are those of mpm_ops.pictures: told apart by those who do not see all colours, too.
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5b6570; --paper: #fff; --card: #f5f7f9; --line: #d6dbe1;
  --done: #3f90da; --skipped: #92dadd; --busy: #ffa90e; --failed: #bd1f01; --untouched: #94a4a2; --said: #bd1f01 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --soft: #9aa5b1; --paper: #14171b; --card: #1e2329;
  --line: #39414b; --failed: #e0492c; --said: #ff8a70 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 66rem; padding: 2rem 1.25rem 3rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem }
p { margin: .35rem 0 } .soft { color: var(--soft) } .bad { color: var(--said) }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, "DejaVu Sans Mono", monospace; font-size: .9em }
code { background: var(--card); border: 1px solid var(--line); border-radius: 4px; padding: .1em .4em;
  overflow-wrap: anywhere }
pre { background: var(--card); border-left: 3px solid var(--line); padding: .6rem .8rem; overflow-x: auto;
  white-space: pre-wrap; overflow-wrap: anywhere }
.tiles { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.2rem 0 }
.tile { flex: 1 1 7rem; background: var(--card); border: 1px solid var(--line); border-top: 4px solid var(--line);
  border-radius: 6px; padding: .5rem .8rem }
.tile b { display: block; font-size: 1.7rem; line-height: 1.2; font-variant-numeric: tabular-nums }
.card { border: 1px solid var(--line); border-left: 4px solid var(--failed); border-radius: 6px; padding: .6rem 1rem;
  margin: .7rem 0; break-inside: avoid }
.card h3 { font-size: 1rem; margin: 0 0 .3rem; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th { text-align: left; font-weight: 600; color: var(--soft); border-bottom: 2px solid var(--line) }
th, td { padding: .3rem 1rem .3rem 0; vertical-align: middle }
td { border-bottom: 1px solid var(--line); overflow-wrap: anywhere } td:has(> .bar) { width: 45% }
.dataframe { width: auto; border: 0 } .dataframe td { text-align: right }
.dataframe th, .dataframe td { border-width: 0 0 1px }
.number { text-align: right; white-space: nowrap } .scroll { overflow-x: auto }
.bar { height: .8rem; min-width: 2px; border-radius: 2px; background: var(--untouched); print-color-adjust: exact }
.key { display: inline-block; width: .75rem; height: .75rem; border-radius: 2px; margin: 0 .35rem 0 1rem;
  print-color-adjust: exact } .key:first-child { margin-left: 0 }
.done, .newest { --at: var(--done) } .skipped { --at: var(--skipped) } .busy, .behind { --at: var(--busy) }
.failed, .away { --at: var(--failed) } .untouched { --at: var(--untouched) }
.tile[class*=" "] { border-top-color: var(--at) } .key, .bar { background: var(--at) } path { fill: var(--at) }
svg { display: block; width: 100%; height: auto } svg line { stroke: var(--line) }
svg text { fill: var(--soft); font-size: 12px }
summary { cursor: pointer } img { max-width: 100%; height: auto; background: #fff }
footer { margin-top: 2.5rem; padding-top: .8rem; border-top: 1px solid var(--line); color: var(--soft) }
@media print { body { max-width: none; padding: 0; font-size: 11px } .scroll { overflow: visible } }
"""


def page(title: str, body: str) -> str:
    """Return a whole HTML page; the title is a text, the body HTML. It asks nothing of any server and runs nothing."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{as_html(_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="referrer" content="no-referrer">\n<title>{as_html(title)}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )
