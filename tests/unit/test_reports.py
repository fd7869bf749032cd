"""The report of a run: what it tells, in each of its forms, and that what others wrote stays text in all of them."""

from __future__ import annotations

import datetime as dt
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import mistune
import pytest

from mpm_ops import reports
from mpm_ops.harmless import harmless
from mpm_ops.records import (
    CompanyState,
    DryRun,
    Failure,
    FleetReport,
    FleetStatus,
    Outcome,
    PlannedSql,
    Spread,
    Status,
    course,
)
from mpm_ops.reports.escaping import as_markdown, code_as_markdown, line

BEGAN = dt.datetime(2026, 11, 26, 2, 15, tzinfo=dt.UTC)
HOSTILE = [
    "[x](javascript:alert(1))",
    "![x](https://evil.example/p.png)",
    "<img src=x onerror=alert(1)>",
    "</style><script>alert(1)</script>",
    "a | b \\| c",
    "`code` ``more`` *a* _b_ ~~c~~ <b>",
    "one\n\n# two\n- three\n\n```\nfour",
    "# heading",
    "1. item",
    "--- ",
    "&lt;b&gt; &amp;",
    "www.evil.example https://evil.example a@b.example",
    "\x1b[31mred\x07",
    "\u202eabc",
    '" onmouseover="alert(1)',
]


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, list[str]] = {}
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def outcome(
    number: int, status: Status = Status.DONE, *, name: str = "", message: str = "", **given: object
) -> Outcome:
    failure = Failure(
        message=message, kind="QueryError", sqlstate="23514", revision="r2", statement="ALTER <b>", hint="Look."
    )
    values: dict[str, object] = {
        "company_id": number,
        "company": name or f"Company {number}",
        "status": status,
        "before": ("r1",),
        "after": ("r2",) if status is Status.DONE else ("r1",),
        "failure": failure if status is Status.FAILED else None,
        "seconds": number / 10,
        "finished_at": None if status is Status.UNTOUCHED else BEGAN + dt.timedelta(seconds=number),
        **given,
    }
    return Outcome(**values)  # type: ignore[arg-type]  # a test's own


def report(*outcomes: Outcome, **given: object) -> FleetReport:
    values = {"run_id": 12, "action": "migrate-tenant", "seconds": 9.0, "started_at": BEGAN, **given}
    return FleetReport(outcomes=outcomes, **values)  # type: ignore[arg-type]  # the same


def fleet() -> FleetStatus:
    away = CompanyState(company_id=9, company="c", database="d", heads=None, pending=(), state="unreachable")
    lists: dict[str, list[str]] = {"busy": [], "failed_last": [], "drifted": []}
    return FleetStatus(
        newest=("r2",),
        revisions=[Spread(heads=("r2",), companies=3, newest=True), Spread(heads=(), companies=1, newest=False)],
        states=[away],
        drift_checked_at=None,
        running=[],
        **lists,
    )


HALTED = report(
    *(outcome(number) for number in range(1, 12)),
    outcome(12, Status.FAILED, message='row 1 of "a"'),
    outcome(13, Status.FAILED, message='row 2 of "a"'),
    outcome(14, Status.FAILED, message="no column"),
    outcome(15, Status.BUSY, reason="Another runner is migrating this database."),
    *(outcome(number, Status.UNTOUCHED, seconds=0.0) for number in range(16, 41)),
    ended="halted",
    reason="3 companies failed, and the budget is 3",
    notes=["run 11 was killed"],
)


# Where a company was moved


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        (("r1",), ("r2",), ("r1", "r2")),
        (("p1", "p2", "r1"), ("p1", "p2", "r2"), ("r1", "r2")),
        (("p1", "p2"), ("p1", "p2", "r2"), ("-", "r2")),
        (("p1", "r2"), ("r2",), ("p1", "-")),
        ((), ("p1", "r2"), ("base", "p1, r2")),
        (("r2",), (), ("r2", "base")),
        (("p1", "r2"), ("p1", "r2"), ("p1, r2", "p1, r2")),
        ((), (), ("base", "base")),
    ],
)
def test_a_move_tells_the_heads_that_changed(
    before: tuple[str, ...], after: tuple[str, ...], moved: tuple[str, str]
) -> None:
    told = Outcome(company_id=1, company="a", status=Status.DONE, before=before, after=after)
    assert told.moved == moved


# Causes and their commands


def test_each_cause_has_the_command_that_tries_it_again() -> None:
    first, second = HALTED.causes
    assert (first.company_ids, second.company_ids) == ([12, 13], [14])
    assert HALTED.retry(first) == "mpm-ops migrate-tenant --resume 12 --cause 1"
    assert HALTED.retry(second) == "mpm-ops migrate-tenant --resume 12 --cause 2"


@pytest.mark.parametrize(
    ("action", "command"),
    [
        ("migrate-tenant-rollback --step 1", "mpm-ops migrate-tenant-rollback --step 1 --only 1 --only 2"),
        ("rollback --run 7", "mpm-ops rollback --run 7"),
        ("plugin install SparkMeter", "mpm-ops plugin install 1 SparkMeter; mpm-ops plugin install 2 SparkMeter"),
        (
            "plugin uninstall Ecreee E-Tender",
            "mpm-ops plugin uninstall 1 'Ecreee E-Tender' --drop-data; "
            "mpm-ops plugin uninstall 2 'Ecreee E-Tender' --drop-data",
        ),
    ],
)
def test_what_is_no_migration_is_tried_again_by_its_own_command(action: str, command: str) -> None:
    failed = report(*(outcome(number, Status.FAILED, message="m") for number in (1, 2)), action=action)
    assert [failed.retry(cause) for cause in failed.causes] == [command]


# The course of a run


def test_the_course_counts_who_had_come_out_by_when() -> None:
    steps = course(report(outcome(1), outcome(3), outcome(2, Status.FAILED), outcome(4, Status.UNTOUCHED)))
    assert [(step.seconds, dict(step.counts)) for step in steps] == [
        (0.0, {}),
        (1.0, {Status.DONE: 1}),
        (2.0, {Status.DONE: 1, Status.FAILED: 1}),
        (3.0, {Status.DONE: 2, Status.FAILED: 1}),
        (9.0, {Status.DONE: 2, Status.FAILED: 1}),
    ]


def test_the_course_of_many_has_no_more_steps_than_a_picture_shows() -> None:
    moments = [BEGAN + dt.timedelta(milliseconds=number) for number in range(5_000)]
    steps = course(report(*(outcome(1, finished_at=moment) for moment in moments), seconds=5.0), most=50)
    assert len(steps) == 52
    assert steps[-1].counts == {Status.DONE: 5_000}
    assert [step.seconds for step in steps] == sorted(step.seconds for step in steps)
    # Nobody is shown as done before they were.
    assert all(step.counts.get(Status.DONE, 0) <= step.seconds * 1000 + 1 for step in steps)


def test_clocks_that_differ_put_nobody_before_the_beginning() -> None:
    early = course(report(outcome(1, finished_at=BEGAN - dt.timedelta(hours=1))))
    assert [step.seconds for step in early] == [0.0, 0.0, 9.0]
    assert course(report(outcome(1), started_at=None)) == []
    assert course(report(outcome(1, Status.UNTOUCHED))) == []


# Markdown


def test_markdown_tells_all_that_an_operator_asks() -> None:
    text = reports.markdown(HALTED, fleet())
    for told in [
        "# Run 12, migrate-tenant",
        "**11 done**, **1 busy**, **3 failed**, **25 untouched** of 40 companies in 9.0 s, "
        "begun 2026-11-26 02:15:00 UTC",
        "**halted**: 3 companies failed, and the budget is 3",
        "To go on: `mpm-ops migrate-tenant --resume 12`",
        "> run 11 was killed",
        "## 3 failures, 2 causes",
        '1. **2 ×** row 1 to 2 of "a", SQLSTATE 23514, revision r2',
        "   - companies: Company 12 (12), Company 13 (13)",
        "   - hint: Look.",
        "   - try again: `mpm-ops migrate-tenant --resume 12 --cause 1`",
        "| Company 15 | 15 | busy | 1.50 | 0 |",
        "| r1 | r2 | 11 |",
        "| r2 | 3 | ████████████ | newest |",
        "The whole account: `mpm-ops run 12`",
    ]:
        assert told in text.splitlines(), told
    (left,) = re.findall(r"\*\*Untouched\*\*: (.*)", text)
    assert left.startswith("Company 16 (16), ")
    assert left.endswith("Company 35 (35) and 5 more")
    assert text.count("| done |") + text.count("| failed |") + text.count("| busy |") == 10


def test_markdown_of_ten_thousand_is_no_longer_than_of_a_hundred() -> None:
    statuses = [Status.DONE, Status.FAILED, Status.UNTOUCHED, Status.BUSY]
    many = report(*(outcome(number, statuses[number % 4], message="m") for number in range(1, 10_001)))
    assert len(reports.markdown(many)) < 6_000


def test_what_belongs_to_a_cause_stands_under_it_whatever_its_number() -> None:
    many = report(*(outcome(number, Status.FAILED, message=f"m{'x' * number}") for number in range(1, 13)))
    page = rendered(reports.markdown(many))
    assert page.tags.count("ol") == 1
    assert page.tags.count("ul") == 12


def rendered(text: str) -> Page:
    """Return the page that Markdown becomes where HTML, tables, bare addresses and more of GitHub's are taken."""
    made = mistune.create_markdown(escape=False, plugins=["strikethrough", "table", "url", "math", "footnotes"])(text)
    assert isinstance(made, str)
    return Page(made)


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize(
    "place", ["{}", "- {}", "1. {}\n   - {}", "> {}", "| a |\n| --- |\n| {} |", "**{}**", "x ({})"]
)
def test_hostile_text_is_shown_as_it_is_in_markdown(hostile: str, place: str) -> None:
    found, plain = (rendered(place.replace("{}", one)) for one in (as_markdown(hostile), "word"))
    assert found.tags == plain.tags
    assert "".join(found.texts) == "".join(plain.texts).replace("word", line(hostile))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_commands_are_code_or_text(hostile: str) -> None:
    found = rendered(f"| a |\n| --- |\n| {code_as_markdown(hostile)} |")
    assert [tag for tag in found.tags if tag != "code"] == ["table", "thead", "tr", "th", "tbody", "tr", "td"]
    assert "".join(found.texts).split() == ["a", *line(hostile).split()]


def test_what_moves_a_cursor_or_turns_its_neighbours_is_not_passed_on() -> None:
    assert line("a\x1b[31m\u202eb\n\t c") == "a\u241b[31m\ufffdb c"


# HTML


def test_the_page_tells_all_that_an_operator_asks() -> None:
    text = " ".join(Page(reports.html(HALTED, fleet())).texts)
    for said in [
        "Run 12, migrate-tenant",
        "halted",
        "mpm-ops migrate-tenant --resume 12 --cause 2",
        "25 untouched",
        "Company 35",
        " and 5 more",
        "ALTER <b>",
        "out of reach",
        "mpm-ops run 12",
    ]:
        assert said in text, said


def test_the_page_is_whole_by_itself_and_runs_nothing() -> None:
    many = report(
        *(outcome(i, Status.FAILED, name=one, message=one, reason=one) for i, one in enumerate(HOSTILE, 1)),
        notes=HOSTILE,
    )
    text = reports.html(many, fleet())
    page, clean = Page(text), Page(reports.html(HALTED, fleet()))
    assert {*page.tags} <= {*clean.tags}
    assert not {"script", "img", "link", "iframe", "a"} & {*page.tags}
    assert not {"src", "href"} & set(page.attributes)
    assert not any(name.startswith("on") for name in page.attributes)
    assert any("default-src 'none'" in value for value in page.attributes["content"])
    assert "url(" not in text
    assert "@import" not in text
    assert "\x1b" not in text
    assert text.count("<style>") == 1


def test_the_picture_is_well_formed_and_says_what_it_shows() -> None:
    (drawn,) = re.findall(r"<svg.*</svg>", reports.html(HALTED))
    picture = ElementTree.fromstring(drawn)
    assert [one.get("class") for one in picture.iter("path")] == ["done", "busy", "failed"]
    assert picture.get("aria-label") == (
        "Companies that had come out, over 15.0 seconds: 11 done, 3 failed, 1 busy of 40 in the end"
    )
    assert "<svg" not in reports.html(report(outcome(1), started_at=None))


@pytest.mark.parametrize(
    "found", [report(reason="no companies"), report(outcome(1, seconds=0.0), run_id=None, seconds=0.0)]
)
def test_a_run_of_nobody_or_without_a_number_has_a_report(found: FleetReport) -> None:
    assert reports.markdown(found)
    assert Page(reports.html(found)).texts
    assert json.dumps(reports.as_json(found))


def test_a_run_under_way_says_who_is_to_come() -> None:
    going = report(outcome(1), outcome(2, Status.UNTOUCHED), ended="running")
    assert "**1 to come**" in reports.markdown(going)
    assert "1 to come" in " ".join(Page(reports.html(going)).texts)
    assert "--resume" not in reports.markdown(going)


# JSON


def test_the_keys_of_the_json_stay_as_they_are() -> None:
    found = json.loads(json.dumps(reports.as_json(HALTED, fleet())))
    assert list(found) == [
        "format", "run", "action", "ended", "reason", "notes", "started_at", "seconds", "companies", "counts",
        "go_on", "causes", "outcomes", "fleet",
    ]  # fmt: skip
    assert found["counts"] == {"done": 11, "skipped": 0, "busy": 1, "failed": 3, "untouched": 25}
    assert found["started_at"] == "2026-11-26T02:15:00+00:00"
    assert found["causes"][0] == {
        "number": 1,
        "message": 'row 1 to 2 of "a"',
        "sqlstate": "23514",
        "revision": "r2",
        "statement": "ALTER <b>",
        "hint": "Look.",
        "companies": [{"id": 12, "name": "Company 12"}, {"id": 13, "name": "Company 13"}],
        "retry": "mpm-ops migrate-tenant --resume 12 --cause 1",
    }
    assert list(found["outcomes"][11]) == [
        "id", "company", "outcome", "before", "after", "reason", "failure", "attempts", "seconds",
        "finished_at", "plan",
    ]  # fmt: skip
    assert found["outcomes"][11]["failure"]["message"] == 'row 1 of "a"'
    assert found["fleet"] == {
        "newest": ["r2"],
        "revisions": [
            {"heads": ["r2"], "companies": 3, "newest": True},
            {"heads": [], "companies": 1, "newest": False},
        ],
        "out_of_reach": 1,
    }
    assert reports.as_json(HALTED)["fleet"] is None


def test_what_would_be_done_shows_the_sql_and_nothing_that_it_holds_ends_the_block() -> None:
    sql = "ALTER TABLE people ADD COLUMN x text;\n```\n# heading\x1b[31m"
    plan = PlannedSql(hash="h", before=(), after=("o1",), sql=sql, companies=["[x](javascript:alert(1))"] * 21)
    found = reports.planned(DryRun(action="migrate-tenant", plans=[plan], others={"<b>Zed</b>": "nothing to migrate"}))
    assert found.startswith("# dry run: 21 companies would go through 1 plan\n")
    assert f"\n````sql\n{harmless(sql)}\n````\n" in found
    assert "and 1 more" in found
    assert as_markdown("[x](javascript:alert(1))") in found
    assert "\x1b" not in found
    assert "<b>" not in found
    assert reports.told(DryRun(action="migrate-tenant", plans=[], others={})) == "dry run: nothing to do"
