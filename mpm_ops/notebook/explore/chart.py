"""A picture of an answer, when there is a number to draw."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from mpm_ops import pictures
from mpm_ops.analysis.result import Result
from mpm_ops.harmless import harmless
from mpm_ops.notebook import controls, markup
from mpm_ops.notebook.work import Latest

if TYPE_CHECKING:
    import pyarrow as pa

#: What stands for the columns that the picture takes by itself.
_BY_ITSELF = "(chosen for you)"


class ChartView:
    """Draws an answer, over the columns that somebody chooses or those that suit."""

    def __init__(self) -> None:
        self._result: Result | None = None
        self._look = Latest(self._failed)
        self.x = controls.labelled("Dropdown", "Over", "chart-x", tooltip="The column along the axis", width="220px")
        self.y = controls.labelled("Dropdown", "Number", "chart-y", tooltip="The column to draw", width="220px")
        self.note = controls.text("chart-note")
        self.image = controls.image("chart")
        for choice in (self.x, self.y):
            choice.observe(lambda _: self._draw(), "value")
        self._controls = controls.row(self.x, self.y)
        self.view: Any = controls.column(self._controls, self.note, self.image)
        self.show(None)

    def show(self, result: Result | None) -> None:
        """Draw an answer, if it has two rows and a number; None is none."""
        self._look.forget()
        drawn = result if result and len(result) > 1 and numbers(result.arrow) else None
        self._result = None
        controls.show(self._controls, visible=drawn is not None)
        controls.show(self.image, visible=False)
        self.image.value, self.note.value = b"", ""
        if drawn is not None:
            _fill(self.x, drawn.arrow.column_names)
            _fill(self.y, numbers(drawn.arrow))
            self._result = drawn
            self._draw()

    def _draw(self) -> None:
        if (result := self._result) is not None:
            self.note.value = markup.said("Drawing …")
            self._look.look(partial(picture, result, self.x.value or None, self.y.value or None), self._drawn)

    def _drawn(self, png: bytes) -> None:
        self.note.value = ""
        self.image.value = png
        controls.show(self.image, visible=True)

    def _failed(self, exc: Exception) -> None:
        controls.show(self.image, visible=False)
        self.note.value = markup.error(exc)


def _fill(choice: Any, names: list[str]) -> None:
    # No column's name is empty.
    choice.options = [(_BY_ITSELF, ""), *((harmless(name), name) for name in names)]
    choice.value = ""


def numbers(table: pa.Table) -> list[str]:
    """Return the columns of an answer that hold numbers."""
    import pyarrow.types as kinds

    tests = (kinds.is_integer, kinds.is_floating, kinds.is_decimal)
    return [field.name for field in table.schema if any(is_it(field.type) for is_it in tests)]


def picture(result: Result, x: str | None, y: str | None) -> bytes:
    """Return a PNG of an answer. Raises UsageError when there is no number to draw."""
    png: bytes = pictures.plot(result.df, x, y)._repr_png_()  # type: ignore[attr-defined]  # of our own Axes
    return png
