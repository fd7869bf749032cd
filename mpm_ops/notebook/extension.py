"""`%load_ext mpm_ops` and `%unload_ext mpm_ops`."""

from __future__ import annotations

import atexit
from collections.abc import Callable

from IPython.core.interactiveshell import InteractiveShell

from mpm_ops.notebook import formatters
from mpm_ops.notebook.magics import MpmMagics
from mpm_ops.notebook.needs import Asking

_NAME = MpmMagics.__name__


def load(shell: InteractiveShell, connect: Callable[[], Asking]) -> None:
    """Bring the magics, their completion and the faces of our records; the second time nothing happens.

    `connect` makes the installation that is asked where the notebook has no variable `ops`.
    """
    if _NAME in shell.magics_manager.registry:
        return
    magics = MpmMagics(shell, connect)
    shell.register_magics(magics)
    shell.Completer.custom_matchers.append(magics.completion.matcher)
    formatters.register(shell)
    atexit.register(magics.choice.close)


def unload(shell: InteractiveShell) -> None:
    """Take back what `load` brought, and close the installation that the magics made."""
    magics = shell.magics_manager.registry.pop(_NAME, None)
    if magics is None:
        return
    for kind, ours in magics.magics.items():
        theirs = shell.magics_manager.magics[kind]
        for name in ours:
            # Somebody may have registered another one since.
            if theirs.get(name) == ours[name]:
                del theirs[name]
    shell.configurables.remove(magics)
    shell.Completer.custom_matchers.remove(magics.completion.matcher)
    formatters.unregister(shell)
    atexit.unregister(magics.choice.close)
    magics.choice.close()
