"""What the ledger tells afterwards: runs, their outcomes, and what happened to one company. Read-only."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row

from mpm_ops.central.ledger import CREATE_MISSING, REPLACING
from mpm_ops.errors import UnknownRun
from mpm_ops.postgres import locks
from mpm_ops.records import Applied, Failure, Outcome, Run, Status

# The outcomes of a run and of its parts: of a company the last one that says what was done, and where the first part
# found it: another run may have moved it since the shared one was written. Those of the shared run itself are about
# whom no part came to.
_OUTCOMES = """
    SELECT DISTINCT ON (o.company_id) o.*,
           first_value(o.before) OVER (PARTITION BY o.company_id ORDER BY o.run_id = {run}, o.run_id) AS found
    FROM ops.outcomes o JOIN ops.runs its ON its.id = o.run_id
    WHERE its.id = {run} OR its.part_of = {run} ORDER BY o.company_id, o.status = 'untouched', o.run_id DESC
"""
# Processes that share a run hold its lock together. A run that is not closed and whose lock nobody holds was killed.
_LOCKED = """
    (SELECT count(*) > 0 FROM pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND l.classid = %(class)s AND l.objid::bigint = (hashtext('run ' || r.id)::bigint & 4294967295))
"""
_STATE = f"""
    CASE WHEN r.state <> 'running' THEN r.state
         WHEN NOT {_LOCKED} THEN 'abandoned' WHEN r.paused THEN 'paused' ELSE 'running' END
"""
_RUN = f"""
    SELECT r.id, r.action, r.operator, r.policy, r.plans, r.started_at, r.finished_at, r.reason, r.resumes, r.part_of,
           {_STATE} AS state,
           coalesce((SELECT jsonb_object_agg(status, n) FROM (
               SELECT status, count(*) AS n FROM ({_OUTCOMES.format(run="r.id")}) AS last GROUP BY status
           ) AS c), '{{}}') AS counts
    FROM ops.runs r
"""  # noqa: S608 no value

#: Of an outcome `o` in a run `r`: the company was moved, or may have been. A refresh may end where it began.
_MOVED = """(
    o.before <> o.after OR r.action = 'migrate-tenant-refresh' AND o.plan <> '' AND o.status IN ('done', 'failed')
)"""


def runs(connection: psycopg.Connection, *, limit: int) -> list[Run]:
    """List the last `limit` runs, newest first; not those that are parts of another."""
    with connection.cursor(row_factory=class_row(Run)) as cursor:
        query = _RUN + "WHERE r.part_of IS NULL ORDER BY r.id DESC LIMIT %(limit)s"
        return cursor.execute(query, {"limit": limit, "class": locks.CLASS}).fetchall()


def run(connection: psycopg.Connection, run_id: int) -> Run:
    """Return one run. Raises UnknownRun."""
    with connection.cursor(row_factory=class_row(Run)) as cursor:
        found = cursor.execute(_RUN + "WHERE r.id = %(id)s", {"id": run_id, "class": locks.CLASS}).fetchone()
    if found is None:
        raise UnknownRun(f"there is no run {run_id}", hint="`mpm-ops runs` lists them.")
    return found


def state(connection: psycopg.Connection, run_id: int) -> tuple[str, str]:
    """Return how a run is and why, without looking at its companies. Raises UnknownRun."""
    query = f"SELECT {_STATE}, r.reason FROM ops.runs r WHERE r.id = %(id)s"  # noqa: S608 no value
    row = connection.execute(query.encode(), {"id": run_id, "class": locks.CLASS}).fetchone()
    if row is None:
        raise UnknownRun(f"there is no run {run_id}", hint="`mpm-ops runs` lists them.")
    return str(row[0]), str(row[1])


def under_way(connection: psycopg.Connection) -> list[Run]:
    """List the runs that some process is at, running or paused, newest first; not those that are parts of another."""
    with connection.cursor(row_factory=class_row(Run)) as cursor:
        query = _RUN + f"WHERE r.part_of IS NULL AND r.state = 'running' AND {_LOCKED} ORDER BY r.id DESC"
        return cursor.execute(query, {"class": locks.CLASS}).fetchall()


def abandoned(connection: psycopg.Connection) -> list[Run]:
    """List the runs that are not closed and whose process is gone, oldest first."""
    with connection.cursor(row_factory=class_row(Run)) as cursor:
        query = _RUN + f"WHERE r.state = 'running' AND NOT {_LOCKED} ORDER BY r.id"
        return cursor.execute(query, {"class": locks.CLASS}).fetchall()


def found_after(connection: psycopg.Connection, run_id: int) -> dict[int, tuple[str, ...] | None]:
    """Return, by company id, the heads that the first run after this one to move a company found there.

    None where it found no database. An older run that was under way beside it comes after it, too, unless it brought
    the company to where this one planned from.
    """
    rows = connection.execute(
        f"""
        SELECT DISTINCT ON (o.company_id) o.company_id, CASE WHEN r.action <> %(create)s THEN o.before END
        FROM ops.outcomes o JOIN ops.runs r ON r.id = o.run_id
        LEFT JOIN (ops.outcomes mine JOIN ops.runs its ON its.id = mine.run_id)
            ON mine.run_id = %(id)s AND mine.company_id = o.company_id
        WHERE o.run_id <> %(id)s AND ({_MOVED} OR r.action = ANY(%(replacing)s) AND o.status = 'done')
            AND (o.run_id > %(id)s OR o.finished_at > its.started_at AND o.after <> mine.before)
        ORDER BY o.company_id, o.run_id
        """.encode(),  # noqa: S608 no value
        {"id": run_id, "create": CREATE_MISSING, "replacing": REPLACING},
    )
    return {company_id: None if before is None else tuple(before) for company_id, before in rows}


def replaced_after(connection: psycopg.Connection, run_id: int) -> dict[int, int]:
    """Return, by company id, the last run after this one that put a new database in the place of the company's."""
    rows = connection.execute(
        """
        SELECT o.company_id, max(o.run_id) FROM ops.outcomes o JOIN ops.runs r ON r.id = o.run_id
        WHERE o.run_id > %s AND r.action = ANY(%s) AND o.status = 'done' GROUP BY o.company_id
        """,
        [run_id, REPLACING],
    )
    return dict(rows.fetchall())


def broken_refreshes(connection: psycopg.Connection) -> dict[int, dict[str, Any]]:
    """Return, by company id, what a refresh that failed on its way had found of plugins, where it was the last to move.

    The database has lost by then which plugins it had.
    """
    rows = connection.execute(
        f"""
        SELECT company_id, found FROM (
            SELECT DISTINCT ON (o.company_id) o.company_id, o.status, p->'plugins'->o.company_id::text AS found
            FROM ops.outcomes o JOIN ops.runs r ON r.id = o.run_id
            LEFT JOIN LATERAL jsonb_array_elements(r.plans) p ON p->>'hash' = o.plan
            WHERE {_MOVED} OR r.action = ANY(%(replacing)s) AND o.status = 'done'
            ORDER BY o.company_id, o.run_id DESC
        ) AS last WHERE status = 'failed' AND found IS NOT NULL
        """.encode(),  # noqa: S608 no value
        {"replacing": REPLACING},
    )
    return dict(rows.fetchall())


def planned_elsewhere(connection: psycopg.Connection, run_id: int) -> set[int]:
    """Return the ids of the companies that another run under way has still to do, or is at."""
    query = f"SELECT o.company_id FROM ({_RUN}) AS r JOIN ops.outcomes o ON o.run_id = r.id "  # noqa: S608 no value
    query += "WHERE r.id <> %(id)s AND r.state IN ('running', 'paused') AND o.status = 'untouched' "
    query += "AND o.plan <> ''"  # those of a shared run have none: its parts do the work
    return {company_id for (company_id,) in connection.execute(query.encode(), {"id": run_id, "class": locks.CLASS})}


#: Columns of an outcome that are its fields.
_AS_THEY_ARE = ("company_id", "company", "reason", "attempts", "seconds", "plan", "finished_at")


def outcomes(connection: psycopg.Connection, run_id: int) -> list[Outcome]:
    """List the outcomes of a run by company id; of a shared one, how its parts left each."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_OUTCOMES.format(run="%(id)s").encode(), {"id": run_id})
        return [_outcome(row) for row in rows]


def _outcome(row: dict[str, object]) -> Outcome:
    values = {name: row[name] for name in _AS_THEY_ARE}
    facts = {name: row[name] for name in ("message", "kind", "sqlstate", "revision", "statement", "hint", "blocker")}
    return Outcome(
        **values,  # type: ignore[arg-type]  # a row's types are the table's
        status=Status(str(row["status"])),
        before=tuple(row["found"]),  # type: ignore[arg-type]  # the same
        after=tuple(row["after"]),  # type: ignore[arg-type]  # the same
        failure=Failure(**facts) if row["kind"] else None,  # type: ignore[arg-type]  # the same
    )


def of_company(connection: psycopg.Connection, company_id: int) -> list[Applied]:
    """List which revision was applied to a company, or undone, when and by whom; newest first.

    A database that was replaced by a new one has the heads that came with it, as `fresh`.
    """
    rows = connection.execute(
        f"""
        SELECT coalesce(r.part_of, r.id), o.before, o.after, o.finished_at, r.operator, r.plans, o.plan, o.status,
               o.revision, r.action = ANY(%(replacing)s) AS fresh
        FROM ops.outcomes o JOIN ops.runs r ON r.id = o.run_id
        WHERE o.company_id = %(id)s AND ({_MOVED} OR r.action = ANY(%(replacing)s) AND o.status = 'done')
        ORDER BY o.run_id DESC
        """.encode(),  # noqa: S608 no value
        {"id": company_id, "replacing": REPLACING},
    )
    found: list[Applied] = []
    for run_id, before, after, at, operator, plans, plan, status, revision, fresh in rows:
        if fresh:
            given = {"run_id": run_id, "at": at, "operator": operator}
            found += [Applied(revision=head, direction="fresh", hash="", **given) for head in after]
            continue
        taken = [step for its in plans if its["hash"] == plan for step in _taken(its, before, after, status, revision)]
        found += [
            Applied(run_id=run_id, at=at, operator=operator, **{k: step[k] for k in ("revision", "direction", "hash")})
            for step in reversed(taken)
        ]
    return found


def _taken(plan: dict[str, Any], before: list[str], after: list[str], status: str, failed: str) -> list[dict[str, Any]]:
    """Return the steps of a plan that lie between `before` and `after`.

    A refresh passes most states twice, down and up. The revision that `failed`, the next one, tells which it was.
    """
    steps: list[dict[str, Any]] = plan["steps"]
    states = [plan["from"], *(step["after"] for step in steps)]
    begin = states.index(before) if before in states else 0
    ends = [number for number, state in enumerate(states) if state == after and number >= begin]
    likely = [end for end in ends if failed and end < len(steps) and steps[end]["revision"] == failed] or ends
    if not likely:
        return []
    return steps[begin : likely[0] if status == Status.FAILED else likely[-1]]


def last_moves(connection: psycopg.Connection, ids: Collection[int]) -> dict[int, int]:
    """Return, by company, the last run that moved its database, or may have; who never was is left out. Read-only."""
    rows = connection.execute(
        f"""
        SELECT o.company_id, max(o.run_id) FROM ops.outcomes o JOIN ops.runs r ON r.id = o.run_id
        WHERE o.company_id = ANY(%s) AND ({_MOVED} OR r.action = ANY(%s) AND o.status = 'done') GROUP BY 1
        """.encode(),  # noqa: S608 no value
        [list(ids), REPLACING],
    )
    return dict(rows.fetchall())


def hashes(connection: psycopg.Connection) -> dict[tuple[str, str], set[str]]:
    """Return, by revision and direction, the hashes of the SQL that it was applied with so far."""
    rows = connection.execute(
        f"""
        SELECT DISTINCT p, o.before, o.after, o.status, o.revision
        FROM ops.runs r CROSS JOIN jsonb_array_elements(r.plans) p
        JOIN ops.outcomes o ON o.run_id = r.id AND o.plan = p->>'hash' AND {_MOVED}
        WHERE p ? 'from'
        """.encode()  # noqa: S608 no value
    )
    found: dict[tuple[str, str], set[str]] = {}
    for plan, before, after, status, revision in rows:
        for step in _taken(plan, before, after, status, revision):  # not those that failed, or that were never come to
            found.setdefault((step["revision"], step["direction"]), set()).add(step["hash"])
    return found
