"""Statements that overlap: each sees its own snapshot, waits for locks, and commits later.

What PostgreSQL's READ COMMITTED does for statements that commit by themselves:

- A statement is decided against the rows that were committed when it began, and skips or awaits
  those that others hold.
- When a row it waited for is free, it looks at that row anew, and at nothing else: rows that came
  meanwhile are not for it, counts it has taken stay as they were.
- What it changes is seen by others from its commit on, with the time at which it began.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from msgspec.structs import replace

from simqueue.errors import PostgresError
from simqueue.model import events as e
from simqueue.model.events import StoreEvent
from simqueue.model.ids import Instant, JobId, ScheduleId
from simqueue.store.dequeueing import check_slots
from simqueue.store.locks import Resource
from simqueue.store.statement import Statement
from simqueue.store.tables import Tables
from simqueue.store.touching import is_exclusive, touches

T = TypeVar("T")

_DRAW_JOB_IDS = (e.JobEnqueued, e.JobDeduplicated, e.JobReprioritized)
_DRAW_SCHEDULE_IDS = (e.ScheduleInserted, e.ScheduleKept)
_FOLDS = (e.LogsAggregated, e.LogCleared, e.StatisticsCleared)


class Transaction(Generic[T]):
    """One statement in progress.

    ``number``   its age among those of one database
    ``now``      when it began: what ``NOW()`` is in it
    ``blocker``  the statement whose end it waits for, or None
    ``events``   what it will do at its commit; complete once it is ``ready``
    ``drawn``    the ids it drew before it waited for anything, which no rollback gives back
    ``error``    why the server rejected it, or None
    ``alone``    whether it has, or waits to have, a table to itself
    """

    def __init__(self, tables: Tables, number: int, now: Instant, statement: Statement[T]) -> None:
        self.number, self.now, self.statement = number, now, statement
        self.blocker: Transaction[Any] | None = None
        self.events: list[StoreEvent] = []
        self.drawn: list[StoreEvent] = []
        self.error: PostgresError | None = None
        self.alone = False
        self._tables = tables
        self._decided = False
        self._first_ids = (0, 0)
        self._targets: frozenset[tuple[str, int]] = frozenset()
        self._held: list[Resource] = []

    @property
    def ready(self) -> bool:
        """Whether it can commit."""
        return self._decided and self.blocker is None and self.error is None

    @property
    def deadlocked(self) -> bool:
        """Whether it waits for itself, by way of others."""
        seen = self.blocker
        while seen is not None and seen is not self:
            seen = seen.blocker
        return seen is self

    def advance(self, earlier: Sequence[Transaction[Any]]) -> None:
        """Go as far as it goes without waiting; ``earlier`` are those older."""
        try:
            self.blocker = self._advance(earlier)
        except PostgresError as error:
            self.blocker = None if error.awaits is None else self._holder(error.awaits)
            if self.blocker is None:
                self.fail(error)

    def fail(self, error: PostgresError) -> None:
        """Do nothing of what was decided, because of ``error``."""
        self.error, self.blocker, self.events = error, None, []

    def let_go(self) -> None:
        """Unlock everything."""
        for resource in self._held:
            del self._tables.locks[resource]
        self._held.clear()

    def _advance(self, earlier: Sequence[Transaction[Any]]) -> Transaction[Any] | None:
        """Return the statement that has to end first, or None."""
        if self._decided:
            self._look_again()
            return self._lock()
        alone = next((other for other in earlier if other.alone), None)
        if alone is not None:
            return alone
        events = self.statement.decide(self._tables, self.now)
        self.alone = any(map(is_exclusive, events))
        if self.alone and earlier:
            return earlier[0]
        self._take(events)
        return self._lock()

    def _take(self, events: list[StoreEvent]) -> None:
        """Keep what was decided, and all that later looks will not change."""
        tables = self._tables
        if self.statement.locks is not None:
            self._hold(self.statement.locks(tables, self.now))
        self._decided = True
        self._first_ids = tables.jobs.next_id, tables.schedules.next_id
        self._targets = frozenset(_targets(events))
        self.events = [_as_of_now(tables, event) for event in events]
        self.drawn = _drawn(events)

    def _look_again(self) -> None:
        """Revise what the statement will do, now that what it waited for is settled."""
        claims = [event for event in self.events if isinstance(event, e.JobPicked)]
        if claims:
            check_slots(self._tables, claims)
        elif not any(isinstance(event, _FOLDS) for event in self.events):
            with self._rewound():
                events = self.statement.decide(self._tables, self.now)
            self.events = events if self.drawn else [*_restricted(events, self._targets)]

    @contextmanager
    def _rewound(self) -> Iterator[None]:
        """Let a statement that is decided again find the ids that it drew the first time."""
        jobs, schedules = self._tables.jobs, self._tables.schedules
        reached = jobs.next_id, schedules.next_id
        jobs.next_id, schedules.next_id = self._first_ids
        try:
            yield
        except PostgresError as error:
            error.leaves = tuple(
                event
                for event in error.leaves
                if isinstance(event, e.IdsBurned) and event.sequence == "log"
            )
            raise
        finally:
            jobs.next_id, schedules.next_id = reached

    def _lock(self) -> Transaction[Any] | None:
        """Lock what the events touch; return who holds the next thing, or None."""
        for event in self.events:
            for resource, held in touches(self._tables, event):
                holder = self._holder(resource)
                if holder is not None:
                    return holder
                if held:
                    self._hold([resource])
        return None

    def _hold(self, resources: Iterable[Resource]) -> None:
        locks = self._tables.locks
        for resource in resources:
            if resource not in locks:
                locks[resource] = self
                self._held.append(resource)

    def _holder(self, resource: Resource) -> Transaction[Any] | None:
        """Return who else holds a resource, or None."""
        holder = self._tables.locks.get(resource)
        return holder if isinstance(holder, Transaction) and holder is not self else None


class Transactions:
    """The statements in progress on ``tables``, by age.

    The caller applies what a statement has ``drawn`` as soon as it has begun, and its ``events``
    right before it is finished.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._open: dict[Transaction[Any], None] = {}
        self._begun = 0

    def __len__(self) -> int:
        return len(self._open)

    def begin(self, now: Instant, statement: Statement[T]) -> Transaction[T]:
        """Execute a statement as far as it comes without waiting."""
        self._begun += 1
        transaction = Transaction(self._tables, self._begun, now, statement)
        transaction.advance([*self._open])
        self._open[transaction] = None
        return transaction

    def advance(self, transaction: Transaction[Any]) -> None:
        """Go on with a statement that has waited."""
        transaction.advance([other for other in self._open if other.number < transaction.number])

    def finish(self, transaction: Transaction[Any]) -> list[Transaction[Any]]:
        """Let go of all that a statement held; return those that waited for it, by age."""
        del self._open[transaction]
        transaction.let_go()
        return [other for other in self._open if other.blocker is transaction]


def _drawn(events: Iterable[StoreEvent]) -> list[StoreEvent]:
    """Return the ids that a statement draws before it inserts anything."""
    jobs = sum(isinstance(event, _DRAW_JOB_IDS) for event in events)
    schedules = sum(isinstance(event, _DRAW_SCHEDULE_IDS) for event in events)
    counts: list[tuple[e.Sequence, int]] = [("queue", jobs), ("schedules", schedules)]
    return [e.IdsBurned(sequence, count) for sequence, count in counts if count]


def _targets(events: Iterable[StoreEvent]) -> Iterator[tuple[str, int]]:
    """Yield the rows that events change."""
    for event in events:
        match event:
            case e.JobLogged() | e.JobRetried() | e.JobRequeued() | e.JobDeleted():
                yield "job", event.job_id
            case e.JobsBeat():
                yield from (("job", job) for job in event.job_ids)
            case e.ScheduleReleased() | e.ScheduleDeleted():
                yield "schedule", event.schedule_id
            case e.SchedulesBeat():
                yield from (("schedule", number) for number in event.schedule_ids)


def _restricted(
    events: Iterable[StoreEvent], targets: frozenset[tuple[str, int]]
) -> Iterator[StoreEvent]:
    """Yield what events do to those rows that the statement saw when it began."""
    for event in events:
        seen = [number for kind, number in _targets((event,)) if (kind, number) in targets]
        match event:
            case e.JobsBeat() if seen:
                yield e.JobsBeat(tuple(map(JobId, seen)))
            case e.SchedulesBeat() if seen:
                yield e.SchedulesBeat(tuple(map(ScheduleId, seen)))
            case e.TableChanged():
                yield event
            case _ if seen:
                yield event


def _as_of_now(tables: Tables, event: StoreEvent) -> StoreEvent:
    """Fix what an event means by all there is, since there may be more by the commit."""
    match event:
        case e.LogsAggregated():
            buckets = tuple(tables.log.buckets(tables.names).items())
            return replace(event, below=tables.log.next_id, buckets=buckets)
        case e.LogCleared():
            return replace(event, below=tables.log.next_id)
        case e.StatisticsCleared():
            return replace(event, below=tables.statistics.next_id)
    return event
