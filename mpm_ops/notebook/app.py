"""App: something to click on in a notebook. It looks at nothing before it is shown."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Any

from mpm_ops.notebook import controls


class App(ABC):
    """An app of a notebook: shows itself as the last line of a cell, by `display(app)`, or as part of a layout."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_shown = False

    @property
    def view(self) -> Any:
        """The widget, for a layout of one's own; whoever takes it has the app look for what it shows."""
        with self._lock:
            first, self._is_shown = not self._is_shown, True
        if first:
            self.refresh()
        return self._widget()

    @abstractmethod
    def refresh(self) -> None:
        """Look anew, in a thread, for what there is."""

    def close(self) -> None:
        """Stop what is under way, and take the app off the notebook."""
        self._end()
        controls.close(self._widget())

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.view._repr_mimebundle_(**options)

    @abstractmethod
    def _widget(self) -> Any: ...

    @abstractmethod
    def _end(self) -> None: ...
