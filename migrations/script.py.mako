<%!
def literal(value):
    """Render as the formatter would: double quotes, tuples."""
    if isinstance(value, (list, tuple, set, frozenset)):
        value = tuple(value)
    return repr(value).replace("'", '"')
%>\
"""${message}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
% if imports and imports.strip():
${imports}
% endif

revision = ${literal(up_revision)}
down_revision: str | tuple[str, ...] | None = ${literal(down_revision)}
branch_labels: tuple[str, ...] | None = ${literal([branch_labels] if isinstance(branch_labels, str) else branch_labels or None)}
depends_on: str | tuple[str, ...] | None = ${literal(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
