"""What a recording holds: what companies, batches, the ledger and Prefect cost on one machine, on one day."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

#: The recording that the table is made of.
FILE = Path(__file__).with_name("recorded.json")


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one piece of work costs, in seconds."""

    #: CPU of the Python process.
    worker: float
    #: CPU of the database server, or of Prefect's.
    server: float
    #: Neither: flushes to disk, and other processes that were in the way.
    wait: float = 0.0
    #: Statements, each a round trip.
    statements: float = 0.0


@dataclass(frozen=True, kw_only=True)
class SharedRun:
    """A shared run as it was measured, the whole of it: from its plan to its end."""

    companies: int
    batch: int
    #: Processes that take batches, and companies that each works on at a time.
    processes: int
    threads: int
    seconds: float
    #: The share of the machine's CPU that was others' meanwhile.
    others: float


@dataclass(frozen=True, kw_only=True)
class Recording:
    """All of it. A company's cost is by how many are worked on at a time; what the ledger takes, by companies."""

    circumstances: Mapping[str, Any]
    company: Mapping[int, Cost]
    #: How long each company took, one at a time, as a multiple of their mean.
    spread: Sequence[float]
    #: To claim a batch, plan it and give its account, without its companies.
    batch: Cost
    #: Of a company's account, in its batch's: what the central database takes to write it.
    outcome: Cost
    #: By statement of the ledger and number of companies in the installation.
    ledger: Mapping[str, Mapping[int, Cost]]
    #: A task of Prefect's that does nothing; its server's CPU as `server`.
    task: Cost
    runs: Sequence[SharedRun]

    def of_ledger(self, statement: str, companies: int) -> Cost:
        """Return what a statement costs with so many companies: on the line through the nearest two measured."""
        sizes = sorted(self.ledger[statement].items())
        at = min(sum(size < companies for size, _ in sizes), len(sizes) - 1) or 1
        (few, low), (many, high) = sizes[at - 1], sizes[at]
        share = max(0.0, (companies - few) / (many - few))
        return Cost(
            worker=low.worker + share * max(0.0, high.worker - low.worker),
            server=low.server + share * max(0.0, high.server - low.server),
        )


def load(file: Path = FILE) -> Recording:
    """Return the recording of a file."""
    found = json.loads(file.read_text())
    return Recording(
        circumstances=found["circumstances"],
        company={int(at_once): Cost(**cost) for at_once, cost in found["company"].items()},
        spread=found["spread"],
        batch=Cost(**found["batch"]),
        outcome=Cost(**found["outcome"]),
        ledger={
            name: {int(companies): Cost(**cost) for companies, cost in sizes.items()}
            for name, sizes in found["ledger"].items()
        },
        task=Cost(**found["task"]),
        runs=[SharedRun(**run) for run in found["runs"]],
    )


def save(recording: Recording, file: Path = FILE) -> None:
    """Write it, with no more digits than were measured."""
    rounded = json.loads(json.dumps(asdict(recording)), parse_float=lambda text: float(f"{float(text):.4g}"))
    file.write_text(json.dumps(rounded, indent=1) + "\n")
