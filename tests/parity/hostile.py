"""Arguments at and beyond the edges of what the server, or the client, takes."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain import models, types
from pgqueuer.ports.repository import EntrypointExecutionParameter
from sides import START, Call

Draw = Callable[[st.SearchStrategy[Any]], Any]

SMALL = timedelta(microseconds=1)
NO_TIME = timedelta()
LAST_DATETIME = timedelta(days=2_913_190)  # after it, from 2024, Python has no datetime

TEXTS = ["a\0b", "\ud800", "", "x" * 3000]
INT4 = [2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**63]
INT8 = [0, -1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1]
DELTAS = [
    timedelta.max,
    timedelta.min,
    timedelta(days=106_751_991),
    timedelta(days=107_000_000),
    timedelta(days=-2_000_000),
    timedelta(days=-2_500_000),
    timedelta(days=3_000_000),
    timedelta(days=-738_886),
    LAST_DATETIME,
    -SMALL,
]
JSON = [
    {"a": "x\0y"},
    {"a\0": "x"},
    {"a": "\\u0000"},
    {"a": "\ud800"},
    {"a": float("nan")},
    {"a": float("inf")},
    {"a": 1e16},
    {"a": 1e22},
    {"a": -0.0},
    {"a": 1e-7},
    {"a": 10**30},
    {"b": 1, "a": 2, "cc": 0},
    {"a": "\u2028\U0001f600\x7f"},
    {"a": START},
]
MANAGER = UUID(int=1)


def cron(entrypoint: str, expression: str) -> models.CronExpressionEntrypoint:
    """Return the key of a schedule."""
    return models.CronExpressionEntrypoint(
        types.CronEntrypoint(entrypoint), types.CronExpression(expression)
    )


def record(job_id: int, text: str, context: Any) -> models.TracebackRecord:
    """Return what is logged about an exception."""
    return models.TracebackRecord(
        job_id=types.JobId(job_id),
        timestamp=START,
        exception_type="E",
        exception_message=text,
        traceback=f"tb {text}",
        additional_context=context,
    )


def next_call(draw: Draw, job_id: Callable[[], int], conflicts: list[Any]) -> Call:
    """Draw a call with one argument, or a few, that should be refused or is just not yet."""

    def pick(options: Sequence[Any]) -> Any:
        return options[draw(st.integers(0, len(options) - 1))]

    def text() -> Any:
        return pick(TEXTS)

    def int8() -> Any:
        return pick(INT8)

    def delta() -> Any:
        return pick(DELTAS)

    def job(number: int) -> models.Job:
        return models.Job.model_construct(id=number)

    def seats(name: str, limit: int) -> dict[Any, EntrypointExecutionParameter]:
        return {name: EntrypointExecutionParameter(limit)}

    def enqueue(*args: Any) -> Call:
        conflict = pick(conflicts)
        return Call("enqueue", args, {} if conflict is None else {"on_conflict": conflict})

    soon = timedelta(seconds=10)
    calls: list[Callable[[], Call]] = [
        lambda: enqueue("e0", None, pick(INT4)),
        lambda: enqueue(["e0", "e0"], [None, None], [0, pick(INT4)]),
        lambda: enqueue(text(), None),
        lambda: enqueue(["e0", text()], [b"", None], [0, 0]),
        lambda: enqueue("e0", None, 0, None, text()),
        lambda: enqueue("e0", None, 0, delta()),
        lambda: enqueue(["e0"] * 4, [None] * 4, [0] * 4, [None, delta(), NO_TIME, delta()]),
        lambda: enqueue(["e0"] * 3, [None] * 3, [0] * 3, [None, delta(), None], ["k0", None, "k0"]),
        lambda: enqueue("e0", None, 0, None, None, pick(JSON)),
        lambda: enqueue(["e0"] * 2, [None] * 2, [0] * 2, None, None, [None, pick(JSON)]),
        lambda: enqueue(["e0", "e1"], [None], [0, 0]),
        lambda: enqueue(["e0"], [None, None], [0]),
        lambda: enqueue(["e0"], [None], [0], [None, SMALL]),
        lambda: enqueue(["e0", "e1"], [None] * 2, [0] * 2, None, ["k0"]),
        lambda: enqueue(["e0", "e1"], [None] * 2, [0] * 2, None, None, [{}]),
        lambda: enqueue(["e0"] * 3, [None] * 3, [0, 1, 2], None, ["k0", "k1", "k0"]),
        lambda: Call("dequeue", (int8(), seats("e0", pick([0, 1])), MANAGER, None, soon)),
        lambda: Call("dequeue", (3, seats("e0", int8()), MANAGER, None, soon)),
        lambda: Call("dequeue", (3, seats("e0", pick([0, 2])), MANAGER, int8(), soon)),
        lambda: Call(
            "dequeue", (3, seats("e0", pick([0, 1])), MANAGER, pick([None, 0, 1]), delta())
        ),
        lambda: Call("dequeue", (3, seats(text(), pick([0, 1])), MANAGER, None, soon)),
        lambda: Call("dequeue", (3, {}, MANAGER, None, pick([*DELTAS, soon]))),
        lambda: Call("log_jobs", ([(job(int8()), "successful", None)],)),
        lambda: Call("log_jobs", ([(job(job_id()), pick(["bogus", "", "queued"]), None)],)),
        lambda: Call(
            "log_jobs",
            ([(job(job_id()), "exception", record(1, pick(["a\0b", "x"]), pick([None, *JSON])))],),
        ),
        lambda: Call("log_jobs", ([(job(pick([2**63, 77])), "exception", record(1, "\0", None))],)),
        lambda: Call("retry_job", (job(job_id()), delta(), None)),
        lambda: Call("retry_job", (job(pick(INT8)), NO_TIME, record(1, "a\0b", None))),
        lambda: Call("retry_job", (job(job_id()), SMALL, record(1, "x", pick(JSON)))),
        lambda: Call("requeue_jobs", ([job_id(), int8()],)),
        lambda: Call("mark_job_as_cancelled", ([job_id(), int8()],)),
        lambda: Call("mark_job_as_cancelled", (list(range(1, 3000)),)),
        lambda: Call("update_heartbeat", ([int8(), job_id()],)),
        lambda: Call("job_status", ([int8()],)),
        lambda: Call("queue_job_by_id", (int8(),)),
        lambda: Call("job_log_history", (int8(), 100)),
        lambda: Call("job_log_history", (1, int8())),
        lambda: Call("queued_work", ([text()],)),
        lambda: Call("eligible_queued_work", ([text()],)),
        lambda: Call("next_deferred_eta", ([text()],)),
        lambda: Call("clear_queue", (pick([[text()], text()]),)),
        lambda: Call("clear_queue_log", ([text()],)),
        lambda: Call("clear_statistics_log", ([text()],)),
        lambda: Call("browse_queue", (int8(), 0, None, None)),
        lambda: Call("browse_queue", (100, int8(), None, None)),
        lambda: Call("browse_queue", (-1, -1, None, None)),
        lambda: Call("browse_queue", (100, 0, [pick(["bogus", *TEXTS])], None)),
        lambda: Call("browse_queue", (100, 0, None, [text()])),
        lambda: Call("list_failed_jobs", (int8(), pick(["ASC", "DESC"]))),
        lambda: Call("exception_logs", (int8(),)),
        lambda: Call("stale_jobs", (NO_TIME, int8())),
        lambda: Call("stale_jobs", (delta(), 100)),
        lambda: Call("log_statistics", (int8(), None)),
        lambda: Call("log_statistics", (None, delta())),
        lambda: Call("job_duration_percentiles", (delta(),)),
        lambda: Call("throughput_summary", (delta(),)),
        lambda: Call("throughput_timeseries", (delta(),)),
        lambda: Call(
            "insert_schedule", ({cron("s", "* * * * *"): NO_TIME, cron("t", "x"): delta()},)
        ),
        lambda: Call("insert_schedule", ({cron(text(), "x"): NO_TIME},)),
        lambda: Call("fetch_schedule", ({cron("s", "* * * * *"): delta()},)),
        lambda: Call("fetch_schedule", ({cron("s", text()): NO_TIME},)),
        lambda: Call("set_schedule_queued", ({int8()},)),
        lambda: Call("update_schedule_heartbeat", ({int8()},)),
        lambda: Call("delete_schedule", ({int8()}, set())),
        lambda: Call("delete_schedule", (set(), {text()})),
        lambda: Call("peek_schedule"),
        lambda: Call("notify", ("other", pick(["x" * 7999, "x" * 8000, "é" * 4000, *TEXTS]))),
        lambda: Call("notify", (pick(["c" * 63, "c" * 64, "é" * 32, *TEXTS]), "x")),
        lambda: Call("notify", (pick(["c" * 64, ""]), "x" * 8000)),
        lambda: Call("notify_job_cancellation", (pick([[int8()], list(range(1, 3000))]),)),
    ]
    call: Call = pick(calls)()
    known = call.method == "notify" or hasattr(Queries, call.method)
    return call if known else Call("queue_size")
