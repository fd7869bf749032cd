"""Companies, their databases, and whose e-mail belongs where."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "3f6b2c9d41e0"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("central",)
depends_on: str | tuple[str, ...] | None = None


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS citext")
    op.create_table(
        "companies",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", postgresql.CITEXT(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("country_id", sa.BigInteger(), nullable=True),
        sa.Column("email", postgresql.CITEXT(), nullable=False),
        sa.Column("status", sa.Text(), server_default="provisioning", nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.CheckConstraint("status IN ('provisioning', 'active')", name=op.f("ck_companies_status")),
        sa.CheckConstraint("char_length(btrim(name::text)) BETWEEN 1 AND 255", name=op.f("ck_companies_name")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_companies")),
        sa.UniqueConstraint("email", name=op.f("uq_companies_email")),
        sa.UniqueConstraint("name", name=op.f("uq_companies_name")),
    )
    op.create_table(
        "company_databases",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("company_id", sa.BigInteger(), nullable=False),
        sa.Column("database_name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.id"], name=op.f("fk_company_databases_company_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_company_databases")),
        sa.UniqueConstraint("company_id", name=op.f("uq_company_databases_company_id")),
        sa.UniqueConstraint("database_name", name=op.f("uq_company_databases_database_name")),
    )
    op.create_table(
        "database_proxies",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("email", postgresql.CITEXT(), nullable=False),
        sa.Column("fk_company_id", sa.BigInteger(), nullable=False),
        sa.Column("fk_company_database_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(
            ["fk_company_database_id"],
            ["company_databases.id"],
            name=op.f("fk_database_proxies_fk_company_database_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["fk_company_id"], ["companies.id"], name=op.f("fk_database_proxies_fk_company_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_database_proxies")),
        sa.UniqueConstraint("email", name=op.f("uq_database_proxies_email")),
    )
    op.create_index(
        op.f("ix_database_proxies_fk_company_database_id"), "database_proxies", ["fk_company_database_id"], unique=False
    )
    op.create_index(op.f("ix_database_proxies_fk_company_id"), "database_proxies", ["fk_company_id"], unique=False)


def downgrade() -> None:
    op.drop_table("database_proxies")
    op.drop_table("company_databases")
    op.drop_table("companies")
    op.execute("DROP EXTENSION IF EXISTS citext")
