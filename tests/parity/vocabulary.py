"""What a sequence of calls is made of, and how far the clock moves between them.

A uniform mix finds little: jobs that are never picked cannot go stale, and keys that are never
repeated cannot be in conflict. So each sequence has a theme, words of its own, and some methods
that it leaves out.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar, get_args
from uuid import UUID

import hostile
from hypothesis import strategies as st
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain import models, types
from pgqueuer.ports.repository import EntrypointExecutionParameter
from sides import CHANNELS, Call, Clock

from simqueue.store import Tables

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[Any]], Any]

DAY_US = 86_400_000_000
MANAGERS = [UUID(int=0x1000 + number * 7919) for number in range(4)]
FINAL = ["successful", "exception", "canceled", "failed", "deleted"]
CONTEXTS = [None, {"b": 1, "a": {"q": [1, 2.5, None]}}]
HEADERS = [
    None,
    {},
    {"a": "1"},
    {"bb": "2", "a": "x"},
    {"é": '\n"\\u0000x'},
    {"n": {"z": 1, "y": [1, 2.5, None, True]}},
]
CRONS = [
    hostile.cron(entrypoint, expression)
    for entrypoint, expression in [
        ("s1", "*/5 * * * *"),
        ("s2", "0 * * * *"),
        ("s2", "*/5 * * * *"),
        ("s1", "@x"),
    ]
]
SCHEDULE_STALE_US = 30_000_000

READS = [
    "job_status",
    "queue_size",
    "queued_work",
    "eligible_queued_work",
    "next_deferred_eta",
    "browse_queue",
    "queue_log",
    "list_failed_jobs",
    "queue_age",
    "job_duration_percentiles",
    "throughput_summary",
    "throughput_timeseries",
    "active_workers",
    "stale_jobs",
    "exception_logs",
    "queue_job_by_id",
    "job_log_history",
    "unaggregated_log_count",
    "log_statistics",
    "schema_info",
]
TIMED_READS = [
    "eligible_queued_work",
    "next_deferred_eta",
    "job_duration_percentiles",
    "throughput_summary",
    "throughput_timeseries",
    "stale_jobs",
    "log_statistics",
    "queue_age",
]
FINISHING = {"log_jobs": 8, "retry_job": 6, "requeue_jobs": 5, "update_heartbeat": 4}
SCHEDULING = {
    "insert_schedule": 2,
    "fetch_schedule": 9,
    "set_schedule_queued": 3,
    "update_schedule_heartbeat": 3,
    "peek_schedule": 2,
    "delete_schedule": 1,
    "clear_schedule": 1,
}

THEMES: dict[str, dict[str, int]] = {
    "everything": {
        "enqueue": 14,
        "dequeue": 14,
        **FINISHING,
        "mark_job_as_cancelled": 3,
        "aggregate_logs": 1,
        **dict.fromkeys(READS, 1),
        "clear_queue": 1,
        "clear_queue_log": 1,
        "clear_statistics_log": 1,
        **SCHEDULING,
        "fetch_schedule": 3,
        "notify": 1,
        "notify_job_cancellation": 1,
        "notify_health_check": 1,
    },
    "slots": {
        "enqueue": 6,
        "dequeue": 20,
        **FINISHING,
        "retry_job": 8,
        "requeue_jobs": 8,
        "update_heartbeat": 2,
        "clear_queue": 1,
    },
    "keys": {
        "enqueue": 12,
        "dequeue": 5,
        **FINISHING,
        "retry_job": 8,
        "requeue_jobs": 8,
        "browse_queue": 1,
        "clear_queue": 1,
    },
    "schedules": SCHEDULING,
    "times": {
        "enqueue": 6,
        "dequeue": 9,
        "log_jobs": 9,
        "update_heartbeat": 2,
        **dict.fromkeys(TIMED_READS, 3),
    },
    "hostile": {
        "enqueue": 4,
        "dequeue": 3,
        "log_jobs": 2,
        "retry_job": 1,
        "insert_schedule": 1,
        "hostile": 30,
        **dict.fromkeys(READS, 1),
    },
}


MOVES = ["tick", "tick", "none", "a moment", "second", "due", "due", "stale", "stale"]
THEME_MOVES = {
    "everything": ["a while", "schedule due", "schedule stale", "window"],
    "schedules": ["a while", *["schedule due", "schedule stale"] * 4],
    "slots": ["a while"],
    "keys": ["a while"],
    "times": ["due", "stale", "stale", *["window"] * 5],
}
THEME_LIMITS = {
    "slots": [[0, 1, 2], [1, 2, 3], [0, 3], [1]],
    "times": [[0]],  # what is picked is what is timed
}


def accepted_conflicts() -> list[str | None]:
    """Return the values of ``on_conflict``, or None where ``enqueue`` has no such argument."""
    if "on_conflict" not in inspect.signature(Queries.enqueue).parameters:
        return [None]
    return list(get_args(types.OnConflict))


CONFLICTS = accepted_conflicts()


@dataclass
class Vocabulary:
    """The words of one sequence, and what has been said so far: ids and times."""

    methods: list[str]
    entrypoints: list[str]
    keys: list[str]
    priorities: list[int]
    delays_us: list[int]
    timeouts_us: list[int]
    limits: list[int]
    worker_limits: list[int | None]
    managers: list[UUID]
    mostly_failed: bool
    mostly_keyed: bool
    agreed_limits: list[int] | None
    moves: list[str]
    clock: Clock
    tables: Tables
    drawing: Draw = field(init=False)
    aim_us: int = 0  # the timeout or window whose edge the clock was moved to

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: FBT001
        printer.text("...")  # the calls that are made of these words are printed in full

    # What the strategies draw.

    def next_pause_us(self, draw: Draw) -> int:
        """Draw how far the clock moves, often exactly to a deadline or 1 us beside it."""
        self.drawing = draw
        match self._pick(self.moves):
            case "none":
                return 0
            case "tick":
                return 1
            case "a moment":
                return self._integer(0, 3_000_000)
            case "a while":
                return self._integer(0, 90_000_000)
            case deadline:
                return self._until(self._deadlines(deadline))

    def _until(self, deadlines: list[int]) -> int:
        now = self.clock.now_us
        ahead = [deadline for deadline in deadlines if now < deadline < now + 400 * DAY_US]
        return self._pick(ahead[-20:]) + self._pick([0, -1, 1]) - now if ahead else 1

    def next_call(self, draw: Draw) -> Call:
        """Draw a call."""
        self.drawing = draw
        method = self._pick(self.methods)
        if method == "hostile":
            return hostile.next_call(draw, self.job_id, CONFLICTS)
        arguments: Callable[[], Call | tuple[Any, ...]] = getattr(self, f"_{method}", tuple)
        drawn = arguments()
        return drawn if isinstance(drawn, Call) else Call(method, drawn)

    def job_id(self, *likely: str) -> int:
        """Draw the id of a job, mostly of one that has a ``likely`` status, or is there at all."""
        top = self.tables.jobs.next_id
        rows = self.tables.jobs.rows.values()
        fitting = [row.id for row in rows if not likely or row.status in likely]
        if fitting and self._integer(0, 3):
            return self._pick(fitting[-20:])
        return self._integer(self._pick([max(1, top - 6), 1]), top + 1)

    # Deadlines.

    def _deadlines(self, move: str) -> list[int]:
        tables = self.tables
        match move:
            case "second":
                return [self.clock.now_us // 1_000_000 * 1_000_000 + 1_000_000]
            case "due":
                return [row.execute_after for row in tables.jobs.rows.values()]
            case "stale":
                self.aim_us = self._pick(self.timeouts_us)
                jobs = tables.jobs.rows.values()
                return [row.heartbeat + self.aim_us for row in jobs if row.status == "picked"]
            case "schedule due":
                return [row.next_run for row in tables.schedules.rows.values()]
            case "schedule stale":
                rows = tables.schedules.rows.values()
                return [row.heartbeat + SCHEDULE_STALE_US for row in rows]
            case _:
                self.aim_us = self._pick([1_000_000, 10_000_000, 60_000_000])
                written = (
                    [*tables.log.rows.values()][-10:],
                    [*tables.statistics.rows.values()][-10:],
                )
                return [row.created + self.aim_us for rows in written for row in rows]

    # Arguments, a method of the queries each.

    def _enqueue(self) -> Call:
        conflict = self._pick(CONFLICTS)
        options = {} if conflict is None else {"on_conflict": conflict}
        size = self._pick([None, 1, 2, 3, 5, 8, 0, 40])
        if size is None:
            payload = self._pick([None, b"", b"x\0y"])
            rest = (self._delay(), self._key(), self._pick(HEADERS))
            return Call("enqueue", (self._entrypoint(), payload, self._priority(), *rest), options)
        varied = min(size, 8)  # a larger batch repeats itself, but for its keys

        def column(draw_one: Callable[[], T]) -> list[T]:
            drawn = [draw_one() for _ in range(varied)]
            return [drawn[number % varied] for number in range(size)]

        keys = None
        if self.mostly_keyed or self._chance():
            keys = [self._key() for _ in range(varied)] + [None] * (size - varied)
        args = (
            column(self._entrypoint),
            column(lambda: self._pick([None, b"p"])),
            column(self._priority),
            column(self._delay) if self._chance() else None,
            keys,
            column(lambda: self._pick(HEADERS)) if self._pick([0, 0, 1]) else None,
        )
        return Call("enqueue", args, options)

    def _dequeue(self) -> tuple[Any, ...]:
        names = self._names() if self._pick([1] * 15 + [0]) else []
        limits = {name: EntrypointExecutionParameter(self._limit(name)) for name in names}
        return (
            self._pick([1, 2, 3, 10, 100]),
            limits,
            self._pick(self.managers),
            self._pick(self.worker_limits),
            self._aimed(self.timeouts_us),
        )

    def _log_jobs(self) -> tuple[Any, ...]:
        finished = []
        for number in self._job_ids("picked"):
            failed = self.mostly_failed and self._pick([1, 1, 0])
            status = "failed" if failed else self._pick([*FINAL * 3, "queued", "picked"])
            finished.append((models.Job.model_construct(id=number), status, self._record(number)))
        return (finished,)

    def _retry_job(self) -> tuple[Any, ...]:
        number = self.job_id("picked", "failed")
        job = models.Job.model_construct(id=number)
        return job, self._delta(self.delays_us), self._record(number)

    def _requeue_jobs(self) -> tuple[Any, ...]:
        return (self._job_ids("failed"),)

    def _update_heartbeat(self) -> tuple[Any, ...]:
        return (self._job_ids("picked"),)

    def _mark_job_as_cancelled(self) -> tuple[Any, ...]:
        return (self._job_ids(),)

    _job_status = _notify_job_cancellation = _mark_job_as_cancelled

    def _clear_queue(self) -> tuple[Any, ...]:
        return (self._pick([None, self._entrypoint(), self._names(), [], ""]),)

    _clear_queue_log = _clear_statistics_log = _clear_queue

    def _queued_work(self) -> tuple[Any, ...]:
        return (self._names() if self._pick([1] * 9 + [0]) else [],)

    _eligible_queued_work = _next_deferred_eta = _queued_work

    def _log_statistics(self) -> tuple[Any, ...]:
        return self._pick([None, None, 0, 1, 5]), self._pick([None, self._window()])

    def _job_duration_percentiles(self) -> tuple[Any, ...]:
        return (self._window(),)

    _throughput_timeseries = _job_duration_percentiles

    def _throughput_summary(self) -> tuple[Any, ...]:
        return (self._pick([None, self._window()]),)

    def _stale_jobs(self) -> tuple[Any, ...]:
        return self._aimed(self.timeouts_us), self._page()

    def _exception_logs(self) -> tuple[Any, ...]:
        return (self._page(),)

    def _list_failed_jobs(self) -> tuple[Any, ...]:
        return self._page(), self._pick(["DESC", "ASC"])

    def _browse_queue(self) -> tuple[Any, ...]:
        statuses = self._pick([None, [], ["queued"], ["picked", "failed"], ["successful"]])
        return self._page(), self._pick([0, 0, 1, 5]), statuses, self._pick([None, self._names()])

    def _queue_job_by_id(self) -> tuple[Any, ...]:
        return (self.job_id(),)

    def _job_log_history(self) -> tuple[Any, ...]:
        return self.job_id(), self._page()

    def _insert_schedule(self) -> tuple[Any, ...]:
        delays = [0, 1, 1_500_000, 59_999_999, 300_000_000, 3_600_000_000, -1_000_001]
        size = self._integer(0, len(CRONS))
        return ({cron: self._delta(delays) for cron in CRONS[-size:]},)

    _fetch_schedule = _insert_schedule

    def _set_schedule_queued(self) -> tuple[Any, ...]:
        return ({self._integer(1, 8) for _ in range(self._integer(0, 4))},)

    _update_schedule_heartbeat = _set_schedule_queued

    def _delete_schedule(self) -> tuple[Any, ...]:
        (ids,) = self._set_schedule_queued()
        return self._pick([set(), ids]), self._pick([set(), {"s1"}, {"nope"}, {"s2", "s1"}])

    def _notify(self) -> tuple[Any, ...]:
        return self._pick(CHANNELS), self._pick(["", "x", "é" * 3999, "x" * 7999])

    def _notify_health_check(self) -> tuple[Any, ...]:
        return (UUID(int=self._integer(0, 5)),)

    # Words.

    def _pick(self, options: Sequence[T]) -> T:
        return options[self._integer(0, len(options) - 1)]

    def _integer(self, low: int, high: int) -> int:
        return low if low == high else self.drawing(st.integers(low, high))

    def _chance(self) -> bool:
        return self._pick([False, True])

    def _entrypoint(self) -> str:
        return self._pick(self.entrypoints)

    def _names(self) -> list[str]:
        first = self._integer(0, len(self.entrypoints) - 1)
        names = self.entrypoints[first:] + self.entrypoints[:first]
        return names[: self._integer(1, len(names))]

    def _limit(self, name: str) -> int:
        if self.agreed_limits and self._pick([1] * 20 + [0]):
            return self.agreed_limits[self.entrypoints.index(name) % len(self.agreed_limits)]
        return self._pick(self.limits)

    def _key(self) -> str | None:
        keyed = self._chance() if self.mostly_keyed else not self._pick([1, 1, 0])
        return self._pick(self.keys) if keyed else None

    def _priority(self) -> int:
        return self._pick(self.priorities)

    def _delta(self, options_us: list[int]) -> timedelta:
        return timedelta(microseconds=self._pick(options_us))

    def _delay(self) -> timedelta | None:
        return None if self._chance() else self._delta(self.delays_us)

    def _window(self) -> timedelta:
        return self._aimed(
            [1_000_000, 10_000_000, 60_000_000, 0, 1, 3_600_000_000, 10**12, -1_000_000]
        )

    def _aimed(self, options_us: list[int]) -> timedelta:
        aimed = self.aim_us and self._pick([1, 1, 0])
        return timedelta(microseconds=self.aim_us) if aimed else self._delta(options_us)

    def _page(self) -> int:
        return self._pick([100, 100, 0, 1, 2, 5])

    def _job_ids(self, *likely: str) -> list[int]:
        return [self.job_id(*likely) for _ in range(self._pick([1, 1, 1, 2, 3, 6, 0]))]

    def _record(self, number: int) -> models.TracebackRecord | None:
        text = self._pick([None, None, "boom", 'b"é'])
        return None if text is None else hostile.record(number, text, self._pick(CONTEXTS))


@st.composite
def vocabularies(draw: Draw, theme: str, clock: Clock, tables: Tables) -> Vocabulary:
    """Draw the words of a sequence on a theme, and leave out some of its methods."""

    def pick(*options: T) -> T:
        return options[draw(st.integers(0, len(options) - 1))]

    def words(prefix: str, *sizes: int) -> list[str]:
        return [f"{prefix}{number}" for number in range(pick(*sizes))]

    weights = {
        method: weight
        for method, weight in THEMES[theme].items()
        if method in {"hostile", "notify"} or hasattr(Queries, method)
        # What a theme needs most is left out least.
        if method in {"enqueue", "fetch_schedule", "hostile"}
        or pick(*[True] * min(weight, 9), False)
    }
    limits = THEME_LIMITS.get(theme, [[0], [0, 1, 2], [1], [1, 2, 3, 10], [0, -1, 2]])
    allowed = pick(*limits)
    return Vocabulary(
        methods=[method for method, weight in weights.items() for _ in range(weight)],
        entrypoints=words("e", 2, 1, 3, 5) + pick([], [], [], ["Zed", "a b", "é"]),
        keys=words("k", 4, 1, 2),
        priorities=pick([0], [0, 1, 2], [-5, 0, 5], [-(2**31), 0, 2**31 - 1]),
        delays_us=pick([0, 1], [0, 0, 1, 5_000_000], [0, -1, 1, -3_000_000, 40 * DAY_US]),
        timeouts_us=pick(
            [10_000_000], [0, 1, 10_000_000], [30_000_000, 1_000_000, 5], [-1_000_000, 0, 3]
        ),
        limits=allowed,
        worker_limits=pick([None], [None, 1, 2, 5], [None, 3]),
        managers=MANAGERS[: pick(2, 1, 4)],
        mostly_failed=theme in {"slots", "keys"},
        mostly_keyed=theme == "keys",
        agreed_limits=[pick(*allowed) for _ in range(5)] if pick(True, True, False) else None,
        moves=MOVES + THEME_MOVES.get(theme, []),
        clock=clock,
        tables=tables,
    )
