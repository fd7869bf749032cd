"""`python -m mpm_ops` and `mpm-ops`: loads the command line, and is quiet when Ctrl-C comes meanwhile."""

from __future__ import annotations

import os
import signal


def main() -> None:
    """Run the command line."""
    # Loading takes a moment, in which there is nothing to finish and nothing to tell.
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heard:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from mpm_ops.cli import main as run

    if heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


if __name__ == "__main__":
    main()
