"""What a flow needs before Prefect is imported: settings of its temporary server, and the folder above this one.

Import this first. Prefect reads its settings once; and Python knows only the folder of the script that it runs.
"""

import os
import sys
from pathlib import Path

# What the user has set stays.
for _name, _value in (
    # Prefect gives it 20 seconds; a cold start on two cores needs more.
    ("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120"),
    # Nobody outside is told that it runs.
    ("PREFECT_SERVER_ANALYTICS_ENABLED", "false"),
    ("DO_NOT_TRACK", "1"),
):
    os.environ.setdefault(_name, _value)

# So that `flows.conduct` is one module, whoever imports it: a script, a worker, a test; and this folder's, should an
# installation have another. After the script's own folder, where Python looks first.
if (_above := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.insert(1, _above)
