"""Talk: what is said on stderr, in the manner that was asked for."""

from __future__ import annotations

import logging
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from mpm_ops.cli.manner import manner
from mpm_ops.cli.terminal import Terminal

#: Lines of JSON are not folded.
_WIDE = 10_000


class Talk(Terminal):
    """A console for what is said to people; with --quiet only errors are, with --log-json a program is told."""

    def __init__(self) -> None:
        # A name that holds :smile: stays as it is.
        super().__init__(stderr=True, emoji=False)

    @property
    def is_terminal(self) -> bool:
        """Whether something can be drawn that moves."""
        return super().is_terminal and not (manner.quiet or manner.log_json)

    def print(self, *objects: Any, **how: Any) -> None:
        """Say something as rich prints it."""
        if manner.log_json:
            text = " ".join(self._text(one, markup=how.get("markup") is not False) for one in objects).strip()
            if text:
                manner.write(text, event="talk")
        elif not manner.quiet:
            super().print(*objects, **how)

    def tell(self, markup: str, *, event: str, level: int = logging.INFO, **facts: object) -> None:
        """Say something that a program may want to know as facts; errors are said in every manner."""
        if manner.log_json:
            manner.write(self._text(markup, markup=True), event=event, level=level, **facts)
        elif level >= logging.ERROR or not manner.quiet:
            super().print(markup, soft_wrap=True, highlight=False)

    def _text(self, one: RenderableType, *, markup: bool) -> str:
        """Return what would be printed, without looks."""
        if isinstance(one, str):
            return Text.from_markup(one, emoji=False).plain if markup else one
        segments = self.render(one, self.options.update(width=_WIDE))
        lines = "".join(segment.text for segment in segments if not segment.control).splitlines()
        return "\n".join(line.rstrip() for line in lines)
