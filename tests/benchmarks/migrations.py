"""The same ten revisions over the same companies: ours and each rival, in milliseconds per company."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from tests.benchmarks import contenders
from tests.benchmarks.comparison import AtMost, Comparison, Faster
from tests.benchmarks.dbmate import dbmate
from tests.benchmarks.fleet import Absent, Contender, Fleet
from tests.benchmarks.schemas import migrate_schemas


class Rival(NamedTuple):
    """Who ours is compared with; so slow a one that a sample of the fleet has to tell has its size."""

    name: str
    target: AtMost | Faster
    make: Callable[[Fleet], Contender]
    sample: int | None = None


RIVALS = (
    Rival("raw psycopg threads", AtMost(1.25), contenders.raw),
    Rival("psql -f by xargs -P 4", AtMost(1.1), contenders.psql),
    Rival("dbmate by xargs -P 4", Faster(), dbmate),
    Rival("Alembic, a loop in one process", Faster(5), contenders.alembic_loop),
    Rival("alembic processes, one by one", Faster(25), partial(contenders.alembic_processes, at_once=1), sample=6),
    Rival("alembic processes by xargs -P 4", Faster(15), partial(contenders.alembic_processes, at_once=4), sample=12),
)


def compare(fleet: Fleet) -> Iterator[Comparison]:
    """Those who go over the whole fleet take turns with ours; a rival that cannot be had says so in its row."""
    found: dict[str, Contender] = {}
    absent: dict[str, str] = {}
    for rival in RIVALS:
        try:
            found[rival.name] = rival.make(fleet)
        except Absent as exc:
            absent[rival.name] = str(exc)
    samples = {rival.name: rival.sample for rival in RIVALS}
    racing = {name: contender for name, contender in found.items() if samples[name] is None}
    times = fleet.race({"ours": contenders.ours(fleet), **racing}, rounds=2)
    for name in found.keys() - racing.keys():
        times |= fleet.race({name: found[name]}, sample=samples[name])
    row = partial(Comparison, what="migrate, per company", ours=times["ours"])
    for name, target, _, sample in RIVALS:
        against = f"{name} ({sample} companies)" if sample else name
        yield row(against=against, other=times.get(name, 0.0), target=target, absent=absent.get(name, ""))
    django = partial(row, against="django-tenants, multiprocessing, 4 at once", target=Faster(6))
    try:
        yield django(other=migrate_schemas(fleet))
    except Absent as exc:
        yield django(absent=str(exc))
