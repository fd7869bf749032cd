"""Analysts and what they were granted; views in which each of them sees the companies that are theirs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "d95a1f3e6c28"
down_revision: str | tuple[str, ...] | None = "b48e6a10d7c5"
branch_labels: tuple[str, ...] | None = None
depends_on: str | tuple[str, ...] | None = None

# A barrier, so that no function in an analyst's question sees a row before it was chosen.
VIEWS = """
CREATE VIEW granted.companies WITH (security_barrier) AS
    SELECT c.id, c.name, c.email, c.status, c.created_at FROM public.companies c
    WHERE EXISTS (
        SELECT FROM ops.analysts a JOIN ops.analyst_grants g ON g.analyst_id = a.id
        WHERE a.login = session_user AND (a.until IS NULL OR a.until > now())
          AND (g.company_id = c.id OR g.company_id IS NULL) AND (g.until IS NULL OR g.until > now())
    );
CREATE VIEW granted.company_databases WITH (security_barrier) AS
    SELECT d.id, d.company_id, d.database_name, d.server FROM public.company_databases d
    WHERE d.company_id IN (SELECT id FROM granted.companies);
CREATE VIEW granted.mpm_plugins AS SELECT id, name, usage_type, description FROM public.mpm_plugins;
-- Whose e-mail belongs where is no business of an analyst.
CREATE VIEW granted.database_proxies AS SELECT * FROM public.database_proxies WHERE false;
"""


def upgrade() -> None:
    op.create_table(
        "analysts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("until", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_analysts")),
        sa.UniqueConstraint("login", name=op.f("uq_analysts_login")),
        sa.UniqueConstraint("name", name=op.f("uq_analysts_name")),
        schema="ops",
    )
    op.create_table(
        "analyst_grants",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("analyst_id", sa.BigInteger(), nullable=False),
        sa.Column("company_id", sa.BigInteger(), nullable=True),
        sa.Column("personal_data", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("until", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("granted_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("granted_by", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["analyst_id"], ["ops.analysts.id"], name=op.f("fk_analyst_grants_analyst_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.id"], name=op.f("fk_analyst_grants_company_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_analyst_grants")),
        sa.UniqueConstraint(
            "analyst_id",
            "company_id",
            name=op.f("uq_analyst_grants_analyst_id_company_id"),
            postgresql_nulls_not_distinct=True,
        ),
        schema="ops",
    )
    op.create_index(op.f("ix_analyst_grants_company_id"), "analyst_grants", ["company_id"], schema="ops")
    op.execute("CREATE SCHEMA granted")
    op.execute(VIEWS)


def downgrade() -> None:
    op.execute("DROP SCHEMA granted CASCADE")
    op.drop_table("analyst_grants", schema="ops")
    op.drop_table("analysts", schema="ops")
