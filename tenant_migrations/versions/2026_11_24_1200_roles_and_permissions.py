"""The roles and permissions of a fresh company."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "d5d07c5ae2eb"
down_revision: str | tuple[str, ...] | None = "14cf4be5ccf5"
branch_labels: tuple[str, ...] | None = None
depends_on: str | tuple[str, ...] | None = None

GUARD = "api"

ROLES = ("owner", "admin", "financial-manager", "user")

PERMISSIONS = (
    "users",
    "users.manage-admin",
    "users.manage-owner",
    "settings",
    "settings.api-keys",
    "roles",
    "horizon",
    "customers",
    "appliances",
    "tickets",
    "payments",
    "transactions",
    "reports",
    "exports",
    "plugins",
)


def upgrade() -> None:
    for table, names in (("roles", ROLES), ("permissions", PERMISSIONS)):
        named = sa.table(table, sa.column("name", sa.Text), sa.column("guard_name", sa.Text))
        op.bulk_insert(named, [{"name": name, "guard_name": GUARD} for name in names])
    op.execute(
        """
        INSERT INTO role_has_permissions (permission_id, role_id)
        SELECT permissions.id, roles.id
        FROM roles JOIN permissions USING (guard_name)
        WHERE guard_name = 'api' AND (
            roles.name = 'owner'
            OR roles.name = 'admin' AND permissions.name <> 'users.manage-owner'
            OR roles.name = 'financial-manager' AND permissions.name IN (
                'customers', 'appliances', 'tickets', 'payments', 'transactions', 'reports', 'exports'
            )
            OR roles.name = 'user' AND permissions.name IN ('customers', 'appliances', 'tickets')
        )
        """
    )


def downgrade() -> None:
    for table, names in (("permissions", PERMISSIONS), ("roles", ROLES)):
        listed = ", ".join(f"'{name}'" for name in names)
        # Takes the rows of the tables between them along: their foreign keys cascade.
        op.execute(f"DELETE FROM {table} WHERE guard_name = '{GUARD}' AND name IN ({listed})")  # noqa: S608 our own names
