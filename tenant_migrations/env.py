"""The environment of the company databases' migrations."""

from mpm_ops.schema.environment import run_environment
from mpm_ops.tenant.manifests import manifests
from mpm_ops.tenant.models import metadata

run_environment(
    metadata,
    elsewhere=lambda settings: [settings.own_tenant_migrations, *(one.folder for one in manifests().values())],
)
