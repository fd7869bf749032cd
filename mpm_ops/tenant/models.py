"""All tables of a company database: `metadata`. Apart from the package, so that the lists beside it load nothing."""

from __future__ import annotations

from mpm_ops.tenant import (
    access,
    agents,
    appliances,
    company,
    devices,
    messages,
    payments,
    people,
    places,
    targets,
    tariffs,
    tickets,
)
from mpm_ops.tenant.base import Base

#: The subjects; importing them is what fills `metadata`.
SUBJECTS = (
    access,
    places,
    people,
    tariffs,
    appliances,
    devices,
    payments,
    agents,
    tickets,
    messages,
    company,
    targets,
)

metadata = Base.metadata

__all__ = ["metadata"]
