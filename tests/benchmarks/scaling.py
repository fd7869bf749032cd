"""`python -m tests.benchmarks.scaling`: how far fleet runs go, by recorded durations replayed in simulated time."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from tests.benchmarks.recorded import load
from tests.benchmarks.replay import Replay
from tests.benchmarks.replayed import Replayed, Site

COMPANIES, WORKERS, SERVERS = (1_000, 10_000, 100_000), (1, 4, 16), (1, 4, 16)
#: Seconds of a round trip between machines of one data centre.
NEAR = 0.001
HEAD = ("companies", "workers", "servers", "minutes", "companies/s", "what it waits for")


def sites() -> Iterator[Site]:
    """The rows of the table, and one of machines that are apart."""
    for companies in COMPANIES:
        for workers in WORKERS:
            for servers in SERVERS:
                yield Site(companies=companies, workers=workers, servers=servers)
    yield Site(companies=10_000, workers=4, servers=4, latency=NEAR)


def row(found: Replayed) -> Sequence[str]:
    """Return a run's cells."""
    site, (name, used) = found.site, found.bottleneck
    apart = f", {site.latency * 1000:g} ms apart" if site.latency else ""
    return (
        f"{site.companies:,}".replace(",", " "),
        str(site.workers),
        f"{site.servers}{apart}",
        f"{found.seconds / 60:.1f}",
        f"{site.companies / found.seconds:.0f}",
        f"{name}, {used:.0%}",
    )


def table(rows: Iterator[Replayed]) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    yield f"| {' | '.join(HEAD)} |"
    yield f"|{'---:|' * 5}---|"
    for one in rows:
        yield f"| {' | '.join(row(one))} |"


def main() -> None:
    """Print the table."""
    recording = load()
    for line in table(Replay(recording, site).run() for site in sites()):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
