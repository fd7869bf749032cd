"""What the flows share: the installation that is lent, patience, the account, how a flow fails and is run by hand."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, get_args, get_origin

# isort: split
import temporary_server  # noqa: F401 it sets what Prefect reads, once, when it is imported

# isort: split

import httpx
import prefect
from prefect import Flow, State, Task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import FlowRun, TaskRun
from prefect.logging.loggers import flow_run_logger
from prefect.states import Failed
from prefect.utilities.urls import url_for
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import mpm_ops
from mpm_ops.cli.terminal import Terminal
from mpm_ops.errors import FleetFailed, MpmOpsError, ServerUnavailable, Transient
from mpm_ops.harmless import harmless
from mpm_ops.records import Status
from mpm_ops.reports import as_markdown, markdown, picture

#: Of every run of ours: the alerts listen to it.
TAG: Final = "mpm-ops"
#: Rows of a table artifact: 5 000 take Prefect a tenth of a second, and nobody reads more than this.
MOST: Final = 1_000
#: Characters of a subject that a run's name shows.
_SHORT: Final = 80


class FlowPolicy(BaseModel):
    """What every flow can be told; the form that Prefect shows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dry_run: bool = Field(default=False, description="Change nothing; tell what would be done.")

    @property
    def subject(self) -> str:
        """Say whom a run is about, for its name."""
        return "all companies"

    @property
    def title(self) -> str:
        """Return the subject as a run's name shows it: one short line, and whether anything is changed."""
        line = " ".join(harmless(self.subject).split())
        return f"{line[:_SHORT]}{' (dry run)' if self.dry_run else ''}"


def named(companies: Sequence[int | str] | None) -> str:
    """Say of whom a choice of companies is: all of them, one by its name, or how many."""
    if not companies:
        return "all companies"
    return f"{companies[0]}" if len(companies) == 1 else f"{len(companies)} companies"


# The installation

_lent: ContextVar[mpm_ops.Ops] = ContextVar("mpm_ops_lent")


@contextmanager
def fleet() -> Iterator[mpm_ops.Ops]:
    """Lend the installation: the flow opens it, its tasks find it there.

    Prefect's threads take the flow's context along. A task in another process, as Dask's, opens one of its own.
    """
    if lent := _lent.get(None):
        yield lent
        return
    with mpm_ops.connect() as ops:
        token = _lent.set(ops)
        try:
            yield ops
        finally:
            _lent.reset(token)


# Patience


def passes(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether trying again may help: a server was away or lost, Prefect's own as well; not what was asked."""
    error = carried(state)
    if isinstance(error, ServerUnavailable):
        return error.away
    return isinstance(error, Transient | httpx.TransportError)


#: `@task(**PATIENT)`: tried again when the infrastructure failed, and only then. What it returned once is not taken for
#: what it would return now, as when somebody has a run tried again where Prefect keeps results.
PATIENT: Final[dict[str, Any]] = {
    "cache_policy": NO_CACHE,
    "retries": 3,
    "retry_delay_seconds": [2, 10, 30],
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": passes,
}


# The end of a run


def carried(state: State[Any]) -> object:
    """Return what a state carries, an error too; Prefect wraps it."""
    return getattr(state.data, "result", state.data)


def report_of(state: State[Any]) -> object:
    """Return the account that a flow's end carries, whether Completed or Failed; None when there is none."""
    found = carried(state)
    if isinstance(found, FleetFailed):
        return found.report
    return None if isinstance(found, BaseException) else found


def failed(message: str, report: object) -> State[Any]:
    """Return the end of a flow that found or met what is wrong; the message is what the alert says.

    It carries an error, which is what a worker expects of a failed state: it stumbles over anything else.
    """
    return Failed(message=message, data=FleetFailed(message, report=report))


#: What stands before a password in an address or a connection string.
_SECRET = re.compile(r"(://[^\s:/@]*:)[^\s@]+(?=@)|(\bpassword\s*=\s*)('[^']*'|\S+)", re.IGNORECASE)


def tell(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Log how a run ended and where its account is; a hook for `on_failure` and `on_crashed`, with or without a server.

    Errors of ours hold no password; those of others lose it here.
    """
    message = _SECRET.sub(lambda match: f"{match[1] or match[2]}***", state.message or "no message")
    account = url_for(flow_run) or "the artifacts of this run, and mpm-ops runs"
    line = " ".join(harmless(message).split())
    flow_run_logger(flow_run, flow).error("%s %s: %s; account: %s", flow.name, state.name, line, account)


# The account


def publish_markdown(key: str, text: str, *, description: str = "") -> None:
    """Leave a text where operators look; whatever comes from a database goes through `as_markdown` first."""
    create_markdown_artifact(text, key=artifact_key(key), description=description or None)


def publish_table(key: str, rows: Sequence[Mapping[str, object]], *, description: str = "", most: int = MOST) -> None:
    """Leave a table there; of more than `most` rows the last says how many more there are.

    Its cells show their texts letter by letter: Prefect's UI takes every one for markdown.
    """
    shown = [{name: _cell(value) for name, value in row.items()} for row in rows[:most]]
    if len(rows) > most:
        first, *rest = shown[0]
        shown.append({first: f"… and {len(rows) - most} more", **dict.fromkeys(rest, "")})
    if shown:
        create_table_artifact(shown, key=artifact_key(key), description=description or None)


def publish_report(key: str, report: mpm_ops.FleetReport) -> None:
    """Leave the account of a fleet run: its report with a picture of how it went on, and a row for each failure."""
    with fleet() as ops:
        heading, totals, *rest = markdown(report, ops.status()).split("\n\n")
    seen = [f"![How the run went on]({shown})"] if (shown := picture(report)) else []
    text = "\n\n".join([heading, totals, *seen, *rest])
    publish_markdown(f"{key}-report", text, description=f"Run {report.run_id}: mpm-ops run {report.run_id}")
    failures = [row for row in report.rows() if row["outcome"] == Status.FAILED]
    publish_table(f"{key}-failures", failures, description="Who failed, at which revision, and why")


def artifact_key(text: str) -> str:
    """Return a text as Prefect wants keys: lowercase letters, digits, dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _cell(value: object) -> object:
    return value if value is None or isinstance(value, int | float) else as_markdown(value)


# By hand


def by_hand(
    flow: Flow[..., State[Any]],
    policy: type[BaseModel],
    *,
    show: Callable[[Terminal, object], None] | None = None,
    arguments: Sequence[str] | None = None,
) -> int:
    """Run a flow here and now with a policy made of the command line's options, and print what it says.

    `show` prints its account before that. Returns 0, or 1 when it failed, or 2 when what was asked cannot be meant.
    """
    parser = _parser(flow, policy)
    given = _given(parser, policy, arguments)
    with prefect.tags(TAG):
        state = flow(given, return_state=True)
    console = Terminal(markup=False, emoji=False, highlight=False)
    if show is not None:
        show(console, report_of(state))
    console.print(state.message or state.name, soft_wrap=True)
    if state.is_completed():
        return 0
    error = carried(state)
    return error.exit_code if isinstance(error, MpmOpsError) else 1


def _parser(flow: Flow[..., Any], policy: type[BaseModel]) -> argparse.ArgumentParser:
    """Make an option of every field of the policy."""
    parser = argparse.ArgumentParser(description=flow.description or flow.name, argument_default=argparse.SUPPRESS)
    parser.add_argument("--policy", default="{}", metavar="JSON", help="All of it at once; other options come on top.")
    for name, field in policy.model_fields.items():
        option, about = f"--{name.replace('_', '-')}", _escaped(field.description or "")
        if field.annotation is bool:
            parser.add_argument(option, action=argparse.BooleanOptionalAction, help=about)
        else:
            several = "*" if _several(field.annotation) else None
            parser.add_argument(option, nargs=several, metavar=name.upper(), help=about)
    return parser


def _given(parser: argparse.ArgumentParser, policy: type[BaseModel], arguments: Sequence[str] | None) -> BaseModel:
    """Return the policy that the command line describes; argparse ends the process with 2 when there is none."""
    options = vars(parser.parse_args(arguments))
    try:
        whole = json.loads(options.pop("policy"))
        if not isinstance(whole, dict):
            parser.error("--policy: is no JSON object")
        return policy(**{**whole, **options})
    except json.JSONDecodeError as exc:
        parser.error(f"--policy: {exc}")
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False, include_context=False)[0]
        option = f"--{str(first['loc'][0]).replace('_', '-')}: " if first["loc"] else ""
        parser.error(f"{option}{first['msg'].removeprefix('Value error, ')}")


def _several(annotation: Any) -> bool:
    return any(get_origin(one) in (list, tuple, set, frozenset) for one in (annotation, *get_args(annotation)))


def _escaped(text: str) -> str:
    """Return a text as argparse prints it: it takes a % for a format."""
    return text.replace("%", "%%")
