"""Users, roles and permissions, and the extension citext."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "7c5534caebad"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("core",)
depends_on: str | tuple[str, ...] | None = None


def upgrade() -> None:
    # A trusted extension: whoever owns the database may create it, no superuser is needed.
    op.execute("CREATE EXTENSION IF NOT EXISTS citext")
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("company_id", sa.BigInteger(), nullable=False),
        sa.Column("email", postgresql.CITEXT(), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("remember_token", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_table(
        "roles",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", postgresql.CITEXT(), nullable=False),
        sa.Column("guard_name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roles")),
        sa.UniqueConstraint("name", "guard_name", name=op.f("uq_roles_name_guard_name")),
    )
    op.create_table(
        "permissions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", postgresql.CITEXT(), nullable=False),
        sa.Column("guard_name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_permissions")),
        sa.UniqueConstraint("name", "guard_name", name=op.f("uq_permissions_name_guard_name")),
    )
    op.create_table(
        "role_has_permissions",
        sa.Column("permission_id", sa.BigInteger(), nullable=False),
        sa.Column("role_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["permission_id"],
            ["permissions.id"],
            name=op.f("fk_role_has_permissions_permission_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["role_id"], ["roles.id"], name=op.f("fk_role_has_permissions_role_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("permission_id", "role_id", name=op.f("pk_role_has_permissions")),
    )
    op.create_index(op.f("ix_role_has_permissions_role_id"), "role_has_permissions", ["role_id"])
    op.create_table(
        "model_has_roles",
        sa.Column("role_id", sa.BigInteger(), nullable=False),
        sa.Column("model_id", sa.BigInteger(), nullable=False),
        sa.Column("model_type", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name=op.f("fk_model_has_roles_role_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("role_id", "model_id", "model_type", name=op.f("pk_model_has_roles")),
    )
    op.create_index("ix_model_has_roles_model", "model_has_roles", ["model_type", "model_id"])
    op.create_table(
        "model_has_permissions",
        sa.Column("permission_id", sa.BigInteger(), nullable=False),
        sa.Column("model_id", sa.BigInteger(), nullable=False),
        sa.Column("model_type", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["permission_id"],
            ["permissions.id"],
            name=op.f("fk_model_has_permissions_permission_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("permission_id", "model_id", "model_type", name=op.f("pk_model_has_permissions")),
    )
    op.create_index("ix_model_has_permissions_model", "model_has_permissions", ["model_type", "model_id"])
    op.create_table(
        "password_resets",
        sa.Column("email", postgresql.CITEXT(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("email", name=op.f("pk_password_resets")),
    )


def downgrade() -> None:
    op.drop_table("password_resets")
    op.drop_table("model_has_permissions")
    op.drop_table("model_has_roles")
    op.drop_table("role_has_permissions")
    op.drop_table("permissions")
    op.drop_table("roles")
    op.drop_table("users")
    op.execute("DROP EXTENSION IF EXISTS citext")
