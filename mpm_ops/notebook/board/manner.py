"""How a migration is to go about it: a few controls, and the Policy that they mean."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from mpm_ops.errors import InvalidInput
from mpm_ops.fleet.policy import Policy
from mpm_ops.notebook import controls

#: Companies worked on at a time, at most; the server's spare connections are the other bound.
_WORKERS = 64
_AMOUNT = "3 or 5%"


class Manner:
    """The controls of a policy."""

    def __init__(self, *, workers: int) -> None:
        self.workers = controls.labelled(
            "BoundedIntText", "At a time", "workers", value=min(workers, _WORKERS), min=1, max=_WORKERS, width="90px",
            tooltip="Companies worked on at the same time, at most",
        )  # fmt: skip
        self.canary = controls.labelled(
            "Text", "Canary first", "canary", placeholder=_AMOUNT, width="120px",
            tooltip="Who goes first, before all others: 3, 5% or ids, as #4 #8",
        )  # fmt: skip
        self.max_failures = controls.labelled(
            "Text", "Stop after failures", "max-failures", placeholder=_AMOUNT, width="140px",
            tooltip="So many failures, 3 or 5%, and no further company is begun",
        )  # fmt: skip
        self.view: Any = controls.row(self.workers, self.canary, self.max_failures)

    @property
    def policy(self) -> Policy:
        """What the controls mean. Raises InvalidInput."""
        try:
            return Policy(
                workers=self.workers.value,
                canary=str(self.canary.value).strip(),
                max_failures=str(self.max_failures.value).strip(),
            )
        except ValidationError as exc:
            first = exc.errors(include_url=False)[0]
            field = str(first["loc"][0]).replace("_", " ")
            raise InvalidInput(f"{field} {first['msg'].removeprefix('Value error, ')}") from exc
