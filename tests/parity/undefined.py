"""What PostgreSQL, or PgQueuer's SQL on it, leaves open. Nothing else is passed over.

- The order of rows without ORDER BY (``queue_log``, ``fetch_schedule``), and of rows that are
  equal in what they are ordered by (``TIES``). Where a LIMIT cuts through such a group, which of
  its rows are answered.
- Which of the ids that one statement draws belongs to which row of the log or of the statistics:
  their INSERT ... SELECT has no ORDER BY. How many ids it draws is not open, and neither is which
  rows it writes. A bucket of the statistics that is new may follow ids that existing ones burned.
- The order of ``log_statistics``, which is that of those ids.
- The last digits of an average and of a percentile: PostgreSQL adds up in another type.
- ``schema_info``: estimates and sizes are the server's; the names of the tables are compared.
- How many log ids a ``requeue_jobs`` drew that then ran into a dedupe key: it logs job by job, in
  an order that nothing says.

Two things are open in PostgreSQL and settled by the database that ``postgres`` creates: names sort
by code points, and each statement is planned for the arguments it has (a plan made for any argument
would find an impossible one later, or never, if no row is compared with it).
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sides import UNIX_EPOCH, Call, Raised, State, Step

TIES: dict[str, Callable[[Any], Any]] = {
    "exception_logs": lambda log: log.created,
    "fetch_schedule": lambda schedule: None,
    "job_duration_percentiles": lambda stats: _digits(stats.p95_seconds),
    "list_failed_jobs": lambda job: job.created,
    "peek_schedule": lambda schedule: schedule.last_run,
    "queue_log": lambda log: None,
    "stale_jobs": lambda job: job.heartbeat,
    "throughput_timeseries": lambda bucket: bucket.bucket,
}

ROUNDED = ("queue_age", "job_duration_percentiles", "stale_jobs")

LIMITS = {
    "exception_logs": 0,
    "list_failed_jobs": 0,
    "log_statistics": 0,
    "stale_jobs": 1,
}
"""Which argument is the LIMIT."""

NUMBERED = ("pgqueuer_log", "pgqueuer_statistics")


class Statements:
    """Which call drew which ids of the log and the statistics."""

    def __init__(self) -> None:
        self._ends: dict[str, list[int]] = {"pgqueuer_log": [1], "pgqueuer_statistics": [1]}

    def executed(self, state: State) -> None:
        """Note where the sequences stand after a call."""
        self._ends["pgqueuer_log"].append(state.next_ids[1])
        self._ends["pgqueuer_statistics"].append(state.next_ids[2])

    @property
    def log_end(self) -> int:
        """The next id of the log after the last call noted."""
        return self._ends["pgqueuer_log"][-1]

    def of(self, table: str, row_id: int) -> int:
        return bisect_right(self._ends[table], row_id)


def state_difference(real: State, simulated: State, statements: Statements) -> str | None:
    """Return how two states differ, or None."""
    for table in real.tables:
        rows, others = real.tables[table], simulated.tables[table]
        if rows != others and table in NUMBERED:
            rows, others = (_by_statement(table, each, statements) for each in (rows, others))
        if rows != others:
            return (
                f"{table}\n  PostgreSQL: {_without(rows, others)}"
                f"\n  simqueue:   {_without(others, rows)}"
            )
    if real.next_ids != simulated.next_ids:
        return f"next ids\n  PostgreSQL: {real.next_ids}\n  simqueue:   {simulated.next_ids}"
    return None


def answer_difference(
    call: Call, real: Step, simulated: Step, statements: Statements
) -> str | None:
    """Return how two answers differ, or None."""
    ours, theirs = simulated.answer, real.answer
    if isinstance(ours, Raised) or isinstance(theirs, Raised):
        same = ours == theirs
    elif call.method == "schema_info":
        same = [info.table_name for info in ours] == [info.table_name for info in theirs]
    elif call.method == "log_statistics":
        same = _groups(call, real, statements) == _groups(call, simulated, statements)
    elif call.method in TIES:
        limit = call.args[LIMITS[call.method]] if call.method in LIMITS else None
        tie = TIES[call.method]
        same = _tied(theirs, tie, limit, call) == _tied(ours, tie, limit, call)
    else:
        same = _plain(theirs, call) == _plain(ours, call)
    return None if same else f"answer\n  PostgreSQL: {theirs!r}\n  simqueue:   {ours!r}"


def heard_difference(real: list[tuple[str, str]], simulated: list[tuple[str, str]]) -> str | None:
    """Return how what the listeners heard differs, or None."""
    if real == simulated:
        return None
    return f"heard\n  PostgreSQL: {real}\n  simqueue:   {simulated}"


def _by_statement(table: str, rows: list[list[Any]], statements: Statements) -> list[Any]:
    return sorted(([statements.of(table, row[0]), *row[1:]] for row in rows), key=repr)


def _without(rows: list[Any], others: list[Any]) -> list[Any]:
    return [row for row in rows if row not in others][:4] or rows[:4]


def _groups(call: Call, step: Step, statements: Statements) -> list[Any]:
    """Return statistics by the statements that wrote them."""
    wrote = {}
    for row_id, created, _count, *bucket in step.state.tables["pgqueuer_statistics"]:
        wrote[created, *bucket] = statements.of("pgqueuer_statistics", row_id)

    def statement(entry: Any) -> int:
        created = (entry.created - UNIX_EPOCH) // timedelta(microseconds=1)
        return wrote[created, entry.priority, entry.status, entry.entrypoint]

    return _tied(step.answer, statement, call.args[0], call)


def _tied(
    rows: Sequence[Any], tie: Callable[[Any], Any], limit: int | None, call: Call
) -> list[Any]:
    groups = [
        (key, sorted((_plain(row, call) for row in group), key=repr))
        for key, group in groupby(rows, tie)
    ]
    if groups and limit is not None and len(rows) == limit:
        key, cut = groups.pop()
        groups.append((key, [len(cut)]))
    return groups


def _plain(value: Any, call: Call) -> Any:
    """Return a value in which what is of another type is not equal: 1, 1.0 and True, say."""
    match value:
        case BaseModel():
            return type(value), [(name, _plain(each, call)) for name, each in value]
        case dict():
            return [(key, _plain(value[key], call)) for key in value]
        case list() | tuple() | set():
            return type(value), [_plain(each, call) for each in value]
        case float() if call.method in ROUNDED:
            return float, _digits(value)
        case UUID() | datetime():
            return value  # asyncpg has classes of its own
        case _:
            return type(value), value


def _digits(value: float) -> float:
    return float(f"{value:.12g}")


def open_log_ids(call: Call, real: Step) -> bool:
    """Return whether it was open how many log ids a call would draw."""
    return call.method == "requeue_jobs" and isinstance(real.answer, Raised)
