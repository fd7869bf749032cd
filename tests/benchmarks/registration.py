"""Registering a company, against a bare copy of the same template database."""

from __future__ import annotations

import statistics
from functools import partial

from mpm_ops import Ops
from mpm_ops.companies.template import ensure_template
from mpm_ops.postgres import databases
from tests.benchmarks.comparison import AtMost, Comparison, milliseconds
from tests.benchmarks.fleet import company

#: Companies that are registered; they are the first of the fleet.
ROUNDS = 20


def compare(ops: Ops) -> Comparison:
    """Medians of 20, taken in turns.

    Hashing of the password is not counted (it runs beside the copy, and takes what its cost setting says): the
    cheapest setting is used.
    """
    installation = ops._installation
    ours, bare = [], []
    with installation.central() as connection:
        template = ensure_template(installation, connection)
        for number in range(ROUNDS):
            name = f"{ops.settings.prefix}bare_{number}"
            owner = ops.settings.owner_role
            bare.append(milliseconds(partial(databases.create, connection, name, owner=owner, template=template)))
            ours.append(milliseconds(partial(ops.register, **company(number))))
    return Comparison(
        what="register a company",
        against="CREATE DATABASE … TEMPLATE",
        target=AtMost(2),
        ours=statistics.median(ours),
        other=statistics.median(bare),
    )
