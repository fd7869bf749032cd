"""How the time of a fleet run grows with the number of companies, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl

PICTURE = Path(__file__).with_name("growth.png")


def draw(sizes: Sequence[int], seconds: Mapping[str, Sequence[float]]) -> None:
    """Save the picture: a line for each contender, its seconds at each of `sizes` companies."""
    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 3.2), dpi=100, layout="constrained")
    for name, values in seconds.items():
        axes.plot(sizes, values, marker="o", label=name)
    axes.set(xlabel="companies, ten revisions behind", ylabel="seconds", xticks=sizes, xlim=(0, None), ylim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(PICTURE, metadata={"Software": None})
    plt.close(figure)
