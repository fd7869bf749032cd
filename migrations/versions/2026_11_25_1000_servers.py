"""Company databases on several servers: the name of the server that a database is on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "e2a4c81d7f36"
down_revision: str | tuple[str, ...] | None = "5b1e7c90d3a6"
branch_labels: tuple[str, ...] | None = None
depends_on: str | tuple[str, ...] | None = None


def upgrade() -> None:
    op.add_column("company_databases", sa.Column("server", sa.Text(), server_default="main", nullable=False))
    op.create_check_constraint(op.f("ck_company_databases_server"), "company_databases", "server <> ''")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_company_databases_server"), "company_databases")
    op.drop_column("company_databases", "server")
