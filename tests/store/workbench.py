"""A database to try statements on: a clock that is moved by hand, and a log of what happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from simqueue.model.events import Entry, StoreEvent, TableChanged
from simqueue.model.ids import Duration, Instant, JobId, ManagerId, OnConflict, Status
from simqueue.model.rows import JobRow
from simqueue.store import (
    Claim,
    Names,
    NewJob,
    Rejection,
    Statement,
    Tables,
    decide_dequeue,
    decide_enqueue,
    decide_log_jobs,
    decide_retry,
    enqueued_ids,
    execute,
)

START = Instant(0)
SECOND = Duration(1_000_000)
ANN = ManagerId("00000000-0000-0000-0000-00000000000a")
BOB = ManagerId("00000000-0000-0000-0000-00000000000b")


def new(entrypoint: str = "a", priority: int = 0, delay: int = 0, key: str | None = None) -> NewJob:
    """Return a job to enqueue."""
    return NewJob(entrypoint, b"x", priority, Duration(delay), key, "null")


@contextmanager
def as_client() -> Iterator[None]:
    """Raise what the client of a rejected statement gets."""
    try:
        yield
    except Rejection as rejection:
        raise rejection.error from rejection


@dataclass
class Workbench:
    """Tables, the time, and the entries of every event so far."""

    tables: Tables = field(default_factory=lambda: Tables(Names()))
    now: Instant = START
    entries: list[Entry] = field(default_factory=list)

    def wait(self, duration: int = 1) -> None:
        self.now = Instant(self.now + duration)

    def run(
        self, decide: Callable[..., list[StoreEvent]], *args: object, **options: object
    ) -> list[StoreEvent]:
        """Execute ``decide(tables, now, *args, **options)`` and keep its events."""
        statement: Statement[None] = Statement(
            "", lambda tables, now: decide(tables, now, *args, **options), lambda *_: None
        )
        with as_client():
            try:
                events, _ = execute(self.tables, self.now, statement)
            except Rejection as rejection:
                self._keep(rejection.leaves)
                raise
        self._keep(events)
        return events

    def _keep(self, events: object) -> None:
        assert isinstance(events, list | tuple)
        self.entries += [Entry(self.now, "test", event) for event in events]

    def enqueue(self, *jobs: NewJob, on_conflict: OnConflict = "raise") -> list[JobId | None]:
        return enqueued_ids(self.run(decide_enqueue, jobs, on_conflict))

    def dequeue(
        self,
        *entrypoints: str,
        batch: int = 10,
        manager: ManagerId = ANN,
        worker_limit: int | None = None,
        timeout: int = 30 * SECOND,
        **limits: int,
    ) -> list[JobId]:
        """Claim jobs of ``entrypoints`` without a limit and of ``limits`` with theirs."""
        events = self.run(
            decide_dequeue,
            Claim(
                batch_size=batch,
                limits=dict.fromkeys(entrypoints, 0) | limits,
                manager=manager,
                worker_limit=worker_limit,
                heartbeat_timeout=Duration(timeout),
            ),
        )
        return [event.job_id for event in events]  # type: ignore[union-attr]

    def finish(self, *jobs: int, status: Status = "successful") -> None:
        self.run(decide_log_jobs, [(JobId(job), status, None) for job in jobs])

    def retry(self, job: int, delay: int = 0) -> None:
        self.run(decide_retry, JobId(job), Duration(delay), None)

    def row(self, job: int) -> JobRow:
        return self.tables.jobs.rows[JobId(job)]

    def slots(self) -> dict[int, int | None]:
        """Return the slot of each job."""
        return {row.id: row.slot for row in self.tables.jobs.rows.values()}

    def statuses(self) -> list[tuple[int, Status]]:
        """Return job and status of each log row."""
        return [(row.job_id, row.status) for row in self.tables.log.rows.values()]


def notified(events: list[StoreEvent]) -> list[str]:
    """Return the operations that the trigger reports."""
    return [event.operation for event in events if isinstance(event, TableChanged)]
