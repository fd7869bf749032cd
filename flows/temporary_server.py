"""What Prefect's temporary server needs on a small machine; import this before Prefect, which reads it once."""

import os

# What the user has set stays.
for _name, _value in (
    # Prefect gives it 20 seconds; a cold start on two cores needs more.
    ("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120"),
    # Nobody outside is told that it runs.
    ("PREFECT_SERVER_ANALYTICS_ENABLED", "false"),
    ("DO_NOT_TRACK", "1"),
):
    os.environ.setdefault(_name, _value)
