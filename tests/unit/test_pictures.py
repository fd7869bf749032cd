"""Pictures: what is drawn of a frame, down to the lengths of the bars, and names that stay text."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mpm_ops import pictures
from mpm_ops.analysis.result import Found, Result
from mpm_ops.errors import UsageError
from mpm_ops.pictures.lettering import lettering
from mpm_ops.records import CompanyState, FleetReport, FleetStatus, Outcome, Spread, Status

HOSTILE = [r"$\frac", "<script>alert(1)</script>", "_hidden", "$1 and $2", "\x1b[31mred", "a\nb", "", "%s {x}"]
MONEY = pa.decimal128(20, 2)


def arrow(**columns: Any) -> pd.DataFrame:
    """A frame as questions are answered with."""
    return pa.table(columns).to_pandas(types_mapper=pd.ArrowDtype)  # type: ignore[no-any-return]  # pyarrow has no types


def money(*amounts: str | int | None) -> pa.Array:
    return pa.array([None if amount is None else Decimal(amount) for amount in amounts], MONEY)


def png(ax: Axes) -> bytes:
    """The picture as a file; matplotlib warns of what it cannot draw, and warnings fail."""
    data = io.BytesIO()
    figure = ax.figure
    assert isinstance(figure, Figure)
    figure.savefig(data, format="png")
    return data.getvalue()


def texts(labels: Sequence[Any]) -> list[str]:
    """Labels as they are read."""
    return [label.get_text().replace(r"\$", "$") for label in labels]


def legend(ax: Axes) -> list[str]:
    found = ax.get_legend()
    return texts(found.get_texts()) if found else []


def lengths(ax: Axes) -> list[float]:
    return [bar.get_width() for bar in ax.patches]  # type: ignore[attr-defined]  # all are Rectangles


def heights(line: Line2D) -> list[float | None]:
    """The numbers of a line; None where it has a gap."""
    return [None if math.isnan(value) else value for value in np.asarray(line.get_ydata(), dtype=float)]


# Which columns


def test_months_become_a_line_in_the_order_of_time() -> None:
    frame = arrow(month=["2026-03", "2026-01", "2026-02"], revenue=money(3, 1, "2.5"))
    ax = pictures.plot(frame)
    (line,) = ax.get_lines()
    assert heights(line) == [1, 2.5, 3]
    assert [str(day) for day in line.get_xdata()] == ["2026-01-01", "2026-02-01", "2026-03-01"]  # type: ignore[union-attr]  # an array
    assert (ax.get_xlabel(), ax.get_ylabel(), legend(ax)) == ("month", "revenue", [])
    assert ax.get_ylim()[0] == 0
    assert png(ax).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "times",
    [
        ["2026-01-31", "2026-02-01"],
        ["2026-W01", "2026-W53"],
        [dt.date(2026, 1, 1), dt.date(2026, 1, 2)],
        pa.array([0, 10**15], pa.timestamp("us", tz="UTC")),
        pa.array([0, 10**15], pa.timestamp("us")),
        [1.5, 2.5],
        pa.array([2025, 2026], pa.int64()),
    ],
)
def test_what_grows_becomes_a_line(times: Any) -> None:
    ax = pictures.plot(arrow(when=times, n=[1, 2]), "when", "n")
    assert len(ax.get_lines()) == 1
    assert png(ax)


def test_what_is_in_several_currencies_is_not_added_up() -> None:
    kinds = {"company": ["a", "a", "b", "b"], "currency": ["TZS", "TZS", "NPR", "NPR"]}
    frame = arrow(**kinds, period=["2026-01", "2026-02"] * 2, group_name=[None] * 4, revenue=money(1, 2, 30, 40))
    ax = pictures.plot(frame)
    assert (ax.get_xlabel(), legend(ax)) == ("period", ["a, TZS", "b, NPR"])
    assert [heights(line) for line in ax.get_lines()] == [[1, 2], [30, 40]]
    together = pictures.plot(frame.drop(columns=["company"]), "period", "revenue")
    assert [heights(line) for line in together.get_lines()] == [[1, 2], [30, 40]]
    assert legend(together) == ["TZS", "NPR"]


def test_the_place_is_a_column_that_holds_something_else_than_the_currency() -> None:
    frame = arrow(currency=["TZS"] * 2, period=pa.nulls(2), group_name=["Hill", "Lake"], revenue=money(1, 2))
    assert pictures.plot(frame).get_ylabel() == "group_name"
    assert pictures.plot(arrow(currency=["TZS", "NPR"], revenue=money(1, 2))).get_ylabel() == "currency"


@pytest.mark.parametrize("texts", [["2026-13", "2026-01"], ["x", "2026-01"], ["12", "13"]])
def test_other_texts_become_bars_that_lie(texts: list[str]) -> None:
    ax = pictures.plot(arrow(name=texts, n=[1, 2]))
    assert lengths(ax) == [1, 2]


def test_bars_stand_in_the_order_of_the_frame_the_first_on_top() -> None:
    ax = pictures.plot(arrow(village=["Dana", "Muna", "Ghara"], revenue=money(1, 12000, 5)))
    assert lengths(ax) == [1, 12000, 5]
    assert texts(ax.get_yticklabels()) == ["Dana", "Muna", "Ghara"]
    assert ax.yaxis_inverted()
    png(ax)
    assert "10,000" in texts(ax.get_xticklabels())


def test_several_companies_have_a_colour_each() -> None:
    frame = arrow(company=["B", "A", "B"], month=["2026-01", "2026-01", "2026-02"], n=[1, 2, 3])
    ax = pictures.plot(frame)
    assert legend(ax) == ["B", "A"]
    first, second = ax.get_lines()
    assert heights(first) == [1, 3]
    assert heights(second) == [2, None]
    assert first.get_color() != second.get_color()


def test_one_number_per_company_is_a_bar_per_company() -> None:
    ax = pictures.plot(arrow(company=["B", "A"], customers=[1, 2]))
    assert texts(ax.get_yticklabels()) == ["B", "A"]
    assert legend(ax) == []


def test_one_company_needs_no_colour_of_its_own() -> None:
    ax = pictures.plot(arrow(company=["A", "A"], month=["2026-01", "2026-02"], n=[1, 2]))
    assert legend(ax) == []


def test_bars_of_one_place_stand_beside_each_other_and_a_lone_one_is_no_thinner() -> None:
    frame = arrow(village=["x", "x", "y"], kind=["a", "b", "a"], n=[1, 2, 3])
    ax = pictures.plot(frame, by="kind", kind="bar")
    assert legend(ax) == ["a", "b"]
    boxes = [(bar.get_x(), bar.get_width(), bar.get_height()) for bar in ax.patches]  # type: ignore[attr-defined]  # all are Rectangles
    assert [height for _, _, height in boxes] == [1, 3, 2]
    assert [round(width, 3) for _, width, _ in boxes] == [0.4, 0.4, 0.4]
    assert [round(left, 3) for left, _, _ in boxes] == [-0.4, 0.8, 0]


def test_bars_of_months_stand_in_their_order_and_are_called_as_in_the_frame() -> None:
    ax = pictures.plot(arrow(month=["2026-03", "2026-01"], n=[3, 1]), kind="bar")
    assert texts(ax.get_xticklabels()) == ["2026-01", "2026-03"]
    assert [bar.get_height() for bar in ax.patches] == [1, 3]  # type: ignore[attr-defined]  # all are Rectangles


def test_ids_are_no_numbers_to_draw_and_named_they_are() -> None:
    frame = arrow(id=[1, 2], city_id=[3, 4], name=["a", "b"], n=[5, 6])
    assert lengths(pictures.plot(frame)) == [5, 6]
    assert lengths(pictures.plot(frame, "name", "city_id")) == [3, 4]


def test_numbers_alone_stand_over_the_first_of_them_or_over_their_row() -> None:
    assert pictures.plot(arrow(a=[1, 2], b=[3, 4])).get_xlabel() == "a"
    assert pictures.plot(arrow(a=[1, 2])).get_xlabel() == "row"


def test_several_measures_have_a_colour_each() -> None:
    ax = pictures.plot(arrow(month=["2026-01"], a=[1], b=[2]), y=["a", "b"])
    assert legend(ax) == ["a", "b"]
    assert ax.get_ylabel() == ""


def test_rows_that_are_alike_are_added_up_and_the_axis_says_so() -> None:
    ax = pictures.plot(arrow(village=["x", "y", "x"], n=[1, 2, 3]))
    assert lengths(ax) == [4, 2]
    assert ax.get_xlabel() == "n (sum)"


# What is missing, and what is too much


def test_null_is_a_name_and_no_number() -> None:
    ax = pictures.plot(arrow(village=["x", None, "y"], n=pa.array([1, 2, None], pa.int64())))
    assert texts(ax.get_yticklabels()) == ["x", "NULL", "y"]
    assert lengths(ax) == [1, 2]
    line = pictures.plot(arrow(month=["2026-01", None, "2026-03"], n=pa.array([1, 2, None], pa.int64())))
    assert len(line.get_lines()[0].get_xdata()) == 2  # type: ignore[arg-type]  # an array
    assert png(ax)
    assert png(line)


def test_nan_and_infinity_are_not_drawn() -> None:
    ax = pictures.plot(arrow(name=["x", "y", "z"], n=[math.inf, math.nan, 1.0]))
    assert lengths(ax) == [1]
    assert png(ax)


@pytest.mark.parametrize(
    "frame",
    [
        arrow(village=pa.array([], pa.string()), n=pa.array([], MONEY)),
        arrow(village=["x"], n=pa.array([None], pa.int64())),
        arrow(village=pa.array([None], pa.string()), n=[1]),
        arrow(month=["2026-01"], n=[1]),
        pd.DataFrame({"n": [Decimal(1), None]}),
        pd.DataFrame({("a", "b"): ["x"], ("c", "d"): [1]}),
        arrow(n=[1]),
    ],
)
def test_hardly_anything_can_be_drawn(frame: pd.DataFrame) -> None:
    for kind in ("line", "bar", "barh", None):
        assert png(pictures.plot(frame, kind=kind))


def test_of_many_bars_the_smallest_become_one() -> None:
    ax = pictures.plot(arrow(village=[f"v{i}" for i in range(40)], n=list(range(40))))
    names = texts(ax.get_yticklabels())
    assert len(names) == 30
    assert names[0] == "v11"
    assert names[-1] == "11 others"
    assert lengths(ax)[-1] == sum(range(11))


@pytest.mark.parametrize("kind", ["bar", "barh", "line"])
def test_a_bar_for_each_of_a_thousand_days_names_some(kind: Any) -> None:
    days = [dt.date(2020, 1, 1) + dt.timedelta(days=i) for i in range(1000)]
    ax = pictures.plot(arrow(day=days, n=list(range(1000))), kind=kind)
    assert len((ax.yaxis if kind == "barh" else ax.xaxis).get_ticklabels()) <= 80
    assert png(ax)


def test_of_many_colours_the_smallest_become_one() -> None:
    frame = arrow(month=["2026-01"] * 13, kind=[f"k{i}" for i in range(13)], n=list(range(13)))
    ax = pictures.plot(frame, by="kind")
    assert legend(ax) == [*(f"k{i}" for i in range(4, 13)), "4 others"]
    assert heights(ax.get_lines()[-1]) == [0 + 1 + 2 + 3]
    assert len({line.get_color() for line in ax.get_lines()}) == 10


# Names of others


@pytest.mark.parametrize("kind", ["line", "bar", "barh"])
def test_hostile_names_stay_text(kind: Any) -> None:
    frame = arrow(**{"$\\sqrt": HOSTILE, "n$\\frac": list(range(1, 9)), "company": HOSTILE[::-1]})
    ax = pictures.plot(frame, "$\\sqrt", "n$\\frac", by="company", kind=kind, title="Costs $1, earns $\\frac{1}$")
    assert png(ax)
    ticks = texts((ax.yaxis if kind == "barh" else ax.xaxis).get_ticklabels())
    assert {r"$\frac", "<script>alert(1)</script>", "_hidden", "$1 and $2", "□[31mred", "a b"} <= set(ticks)
    assert {r"$\frac", "_hidden", "$1 and $2"} <= set(legend(ax))
    assert texts([ax.title]) == ["Costs $1, earns $\\frac{1}$"]


def test_dollars_are_drawn_as_dollars() -> None:
    """`$x$` as a formula would be an x; as text it is wider than without its dollars."""
    ax = pictures.plot(arrow(name=["$x$", "x"], n=[1, 2]))
    png(ax)
    formula, plain = (label.get_window_extent().width for label in ax.get_yticklabels())
    assert formula > 2 * plain


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("हिमाल ऊर्जा प्रा. लि.", "himaala uurjaa praa. li."),
        ("Énergie Téranga", "Énergie Téranga"),
        ("水", "□"),
        ("\U000f0000", "□"),
        ("x" * 40, "x" * 31 + "…"),
    ],
)
def test_what_no_font_has_is_spelt_out(name: str, drawn: str) -> None:
    assert lettering(name) == drawn
    assert png(pictures.plot(arrow(name=[name], n=[1]), title=name))


# What cannot be meant


def test_an_unknown_column_is_told_with_its_near_misses() -> None:
    frame = arrow(village=["x"], revenue=[1])
    for options in ({"x": "vilage"}, {"y": "revenu"}, {"by": "vilage"}, {"y": ["revenue", "revenu"]}):
        with pytest.raises(UsageError, match="there is no column") as caught:
            pictures.plot(frame, **options)
        assert "Did you mean" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        pictures.plot(frame, "qqq")
    assert caught.value.hint == "The columns are village, revenue"


def test_a_frame_without_numbers_is_refused() -> None:
    with pytest.raises(UsageError, match="no number to draw"):
        pictures.plot(arrow(village=["x"], sure=[True], id=[1]))
    with pytest.raises(UsageError, match="village holds no numbers"):
        pictures.plot(arrow(village=["x"], n=[1]), y="village")
    with pytest.raises(UsageError, match="kind is 'pie'"):
        pictures.plot(arrow(n=[1]), kind="pie")  # type: ignore[arg-type]  # that is what is refused


# Where it shows


def test_a_notebook_shows_the_axes_and_pyplot_knows_nothing_of_them(tmp_path: Path) -> None:
    ax = pictures.plot(arrow(month=["2026-01"], n=[1]))
    shown = ax._repr_png_()  # type: ignore[attr-defined]  # of our own kind of Axes
    assert shown.startswith(b"\x89PNG")
    assert shown == ax._repr_png_()  # type: ignore[attr-defined]  # the same
    ax.figure.savefig(tmp_path / "picture.png")  # type: ignore[union-attr]  # a Figure
    assert (tmp_path / "picture.png").stat().st_size > 1000


def test_threads_draw_at_the_same_time() -> None:
    frame = arrow(village=[f"$v{i}$ हिमाल" for i in range(20)], n=list(range(20)))
    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(lambda _: png(pictures.plot(frame, title="$1")), range(16)))
    assert len(set(drawn)) == 1


def test_it_is_drawn_where_it_is_told_to() -> None:
    ax = Figure().add_subplot()
    assert pictures.plot(arrow(month=["2026-01"], n=[1]), ax=ax) is ax
    assert len(ax.get_lines()) == 1


def test_a_result_is_drawn() -> None:
    table = pa.table({"village": ["x", "y"], "n": [1, 2], "m": [3, 4]})
    found = Result("SELECT", of="Acme", ask=lambda: Found(table=table, seconds=0.1), save=lambda _, __: 0)
    assert lengths(found.plot("village", "m", title="Villages")) == [3, 4]


def test_neither_matplotlib_nor_pandas_is_loaded_before_something_is_drawn() -> None:
    code = "import sys, mpm_ops.pictures; sys.exit(bool({'matplotlib', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_matplotlib_it_says_what_to_install() -> None:
    code = """if True:
        import sys, pandas
        from mpm_ops import MpmOpsError, pictures
        sys.modules["matplotlib"] = None
        try:
            pictures.plot(pandas.DataFrame({"name": ["x"], "n": [1]}))
        except MpmOpsError as error:
            sys.exit(error.hint != "pip install 'mpm-ops[notebook]'")
        sys.exit("it was drawn")
    """
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# The fleet


def state(number: int, heads: tuple[str, ...] | None) -> CompanyState:
    return CompanyState(company_id=number, company=f"c{number}", database="d", heads=heads, pending=(), state="")


def status(*found: tuple[str, ...] | None) -> FleetStatus:
    counts = Counter(heads for heads in found if heads is not None)
    return FleetStatus(
        newest=("r2",),
        revisions=[
            Spread(heads=heads, companies=number, newest=heads == ("r2",)) for heads, number in counts.most_common()
        ],
        states=[state(i, heads) for i, heads in enumerate(found)],
        busy=[],
        failed_last=[],
        drifted=[],
        drift_checked_at=None,
        running=[],
    )


def test_the_spread_of_revisions_counts_companies() -> None:
    ax = pictures.revision_spread(status(("r2",), ("r2",), ("r1",), (), None))
    assert texts(ax.get_yticklabels()) == ["r2 (newest)", "r1", "none", "out of reach"]
    assert lengths(ax) == [2, 1, 1, 1]
    assert ax.get_title() == "2 of 5 companies at the newest revision"
    assert png(ax)
    assert png(pictures.revision_spread(status()))


def test_of_many_revisions_the_rarest_become_one() -> None:
    ax = pictures.revision_spread(status(("r2",), ("r2",), *((f"x{i}",) for i in range(40))))
    assert len(ax.patches) == 31
    assert texts(ax.get_yticklabels())[-1] == "11 others"
    assert lengths(ax)[-1] == 11


def report(*statuses: Status, name: str = "c") -> FleetReport:
    outcomes = [
        Outcome(company_id=i, company=f"{name}{i}", status=one, seconds=i / 10) for i, one in enumerate(statuses)
    ]
    return FleetReport(run_id=7, action="migrate-tenant", outcomes=outcomes, seconds=1)


def test_a_run_shows_the_longest_first_and_every_outcome() -> None:
    ax = pictures.fleet_progress(report(*Status, name="$x$"))
    assert texts(ax.get_yticklabels()) == [f"$x${i}" for i in (4, 3, 2, 1, 0)]
    assert lengths(ax)[:5] == [0.4, 0.3, 0.2, 0.1, 0]
    assert legend(ax) == ["untouched (1)", "failed (1)", "busy (1)", "skipped (1)", "done (1)"]
    assert {"failed", "busy", "skipped", "untouched"} <= set(texts(ax.texts))
    assert "run 7, migrate-tenant: 1 done" in ax.get_title()
    assert png(ax)


def test_a_run_over_many_is_a_skyline_without_names() -> None:
    ax = pictures.fleet_progress(report(*[Status.DONE] * 99, Status.FAILED))
    assert len(ax.patches) == 100
    assert legend(ax) == ["failed (1)", "done (99)"]
    assert png(ax)
    assert png(pictures.fleet_progress(report()))


def test_a_run_over_time_stacks_who_had_come_out() -> None:
    began = dt.datetime(2026, 11, 26, tzinfo=dt.UTC)
    found = report(Status.DONE, Status.DONE, Status.FAILED, Status.UNTOUCHED)
    times = [began + dt.timedelta(seconds=one) for one in (1, 2, 3)]
    outcomes = [
        dataclasses.replace(one, finished_at=at) for one, at in zip(found.outcomes, [*times, None], strict=True)
    ]
    ax = pictures.fleet_over_time(dataclasses.replace(found, outcomes=outcomes, started_at=began))
    assert legend(ax) == ["done (2)", "failed (1)"]
    done, failed = (area.get_datalim(ax.transData).y1 for area in ax.collections)
    assert (done, failed) == (2, 3)
    assert (ax.get_ylim(), ax.get_xlim()) == ((0, 4), (0, 3))
    assert png(ax)
    assert png(pictures.fleet_over_time(found))


@pytest.mark.parametrize("day", [dt.date(1, 1, 1), dt.date(9999, 12, 31)])
def test_days_that_stand_for_never_are_names(day: dt.date) -> None:
    frame = pd.DataFrame({"until": [day, dt.date(2026, 3, 1)], "n": [1, 2]})
    drawn = pictures.plot(frame)
    assert [label.get_text() for label in drawn.get_yticklabels()] == [str(day), "2026-03-01"]
    assert drawn._repr_png_()  # type: ignore[attr-defined]  # of our own Axes


def test_panels_are_one_picture_in_rows() -> None:
    axes = pictures.panels(3)
    for number, ax in enumerate(axes):
        assert pictures.plot(pd.DataFrame({"month": ["2026-01", "2026-02"], "kwh": [1, number]}), ax=ax) is ax
    assert {ax.figure for ax in axes} == {axes[0].figure}
    assert [*axes[0].figure.axes] == axes
    spots = [(round(ax.get_position().x0, 1), round(ax.get_position().y0, 1)) for ax in axes]
    assert spots[0][1] == spots[1][1] > spots[2][1]
    assert spots[0][0] == spots[2][0] < spots[1][0]
    assert all(ax._repr_png_() == axes[0]._repr_png_() for ax in axes)  # type: ignore[attr-defined]  # of ours
