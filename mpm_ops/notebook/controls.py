"""The controls that the apps are made of: each with a label that is read out, and a class that finds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mpm_ops.errors import UsageError
from mpm_ops.notebook.markup import STYLE, escaped

try:
    import ipywidgets
except ImportError as exc:
    raise UsageError("ipywidgets is not installed", hint="pip install 'mpm-ops[notebook]'") from exc


def button(label: str, name: str, on_click: Callable[[], None], *, tooltip: str, icon: str = "", kind: str = "") -> Any:
    """Return a button with the class `mpm-NAME`; `kind` is ipywidgets' `primary`, `danger` ..."""
    made = ipywidgets.Button(description=label, tooltip=tooltip, icon=icon, button_style=kind)
    made.layout.width = "auto"
    made.add_class(f"mpm-{name}")
    made.on_click(lambda _: on_click())
    return made


def labelled(kind: str, label: str, name: str, *, tooltip: str = "", width: str = "auto", **values: Any) -> Any:
    """Return an input of ipywidgets' class `kind`, its label above it, with the class `mpm-NAME`."""
    made = getattr(ipywidgets, kind)(description=label, tooltip=tooltip or label, **values)
    made.layout.width = width
    made.layout.margin = "2px 8px 2px 2px"
    made.add_class("mpm-stacked")
    made.add_class(f"mpm-{name}")
    return made


def text(name: str, value: str = "") -> Any:
    """Return a place for HTML of ours, with the class `mpm-NAME`."""
    made = ipywidgets.HTML(value)
    made.add_class(f"mpm-{name}")
    return made


def progress(name: str, label: str) -> Any:
    """Return a bar, hidden until somebody shows it, with the class `mpm-NAME`."""
    made = ipywidgets.IntProgress(value=0, max=1, tooltip=label)
    made.layout.width = "100%"
    made.add_class(f"mpm-{name}")
    show(made, visible=False)
    return made


def image(name: str) -> Any:
    """Return a place for a PNG, hidden until somebody shows it, with the class `mpm-NAME`."""
    made = ipywidgets.Image(format="png", layout={"max_width": "100%", "align_self": "flex-start"})
    made.add_class(f"mpm-{name}")
    show(made, visible=False)
    return made


def row(*children: Any) -> Any:
    """Return controls side by side, on more lines where the window is narrow."""
    return ipywidgets.HBox(children, layout={"flex_flow": "row wrap", "align_items": "flex-end"})


def column(*children: Any, width: str = "auto") -> Any:
    """Return controls one under the other."""
    return ipywidgets.VBox(children, layout={"width": width, "min_width": "0"})


def app(name: str, title: str, note: str, *children: Any) -> Any:
    """Return the whole of an app under its heading; `note` is HTML of ours."""
    head = text("title", f"{STYLE}<h2>{escaped(title)}</h2>{note}")
    made = ipywidgets.VBox([head, *children])
    made.add_class("mpm-app")
    made.add_class(f"mpm-{name}")
    return made


def show(control: Any, *, visible: bool) -> None:
    """Show or hide a control."""
    control.layout.display = None if visible else "none"


def close(control: Any) -> None:
    """Close a control and all that it is made of."""
    for child in getattr(control, "children", ()):
        close(child)
    control.close()
