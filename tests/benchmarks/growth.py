"""How a run grows with the number of companies: ours and raw psycopg threads, as a plot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.benchmarks import contenders
from tests.benchmarks.fleet import Fleet

#: By contender: milliseconds per company, by number of companies.
Growth = Mapping[str, Mapping[int, float]]


def measure(fleet: Fleet) -> Growth:
    """Migrate an eighth, a quarter, half and all of the fleet; best of two rounds each."""
    whole = len(fleet.companies)
    found: dict[str, dict[int, float]] = {"mpm_ops": {}, "raw psycopg threads": {}}
    for size in (whole // 8, whole // 4, whole // 2, whole):
        racing = {"mpm_ops": contenders.ours(fleet), "raw psycopg threads": contenders.raw(fleet)}
        for name, took in fleet.race(racing, sample=size, rounds=2).items():
            found[name][size] = took
    return found


def plot(growth: Growth, file: Path) -> None:
    """Draw seconds per run and milliseconds per company over the number of companies."""
    import matplotlib as mpl  # a second to import, and only here

    mpl.use("agg")
    from matplotlib import pyplot

    figure, (run, each) = pyplot.subplots(ncols=2, figsize=(8, 2.8), layout="constrained")
    for (name, times), style in zip(growth.items(), ("o-", "s--"), strict=True):
        sizes = list(times)
        run.plot(sizes, [size * took / 1000 for size, took in times.items()], style, label=name)
        each.plot(sizes, list(times.values()), style, label=name)
    for axes, title in ((run, "seconds per run"), (each, "milliseconds per company")):
        axes.set(title=title, xlabel="companies, ten revisions behind", xticks=sizes, ylim=(0, None))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    run.legend(frameon=False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=90)
