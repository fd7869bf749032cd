"""The environment of the central database's migrations."""

from mpm_ops.central.models import metadata
from mpm_ops.schema.environment import run_environment

run_environment(metadata, elsewhere=lambda settings: [settings.own_migrations])
