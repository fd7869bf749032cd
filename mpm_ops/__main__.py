"""`python -m mpm_ops` is the command `mpm-ops`."""

from mpm_ops.cli import main

main()
