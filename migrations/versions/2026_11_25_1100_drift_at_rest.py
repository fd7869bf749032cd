"""The last check for drift knows the counters of a database at rest, which tell whether it has to be opened again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "b48e6a10d7c5"
down_revision: str | tuple[str, ...] | None = "7c0d52e9b1f4"
branch_labels: tuple[str, ...] | None = None
depends_on: str | tuple[str, ...] | None = None


def upgrade() -> None:
    op.add_column("drift_checks", sa.Column("rest", sa.Text(), server_default="", nullable=False), schema="ops")


def downgrade() -> None:
    op.drop_column("drift_checks", "rest", schema="ops")
