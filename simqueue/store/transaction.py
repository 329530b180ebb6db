"""Overlapping statements: each sees its own snapshot, waits for locks, and commits later.

They follow PostgreSQL's READ COMMITTED for autocommit statements:

- A statement is decided against the rows that were committed when it began, and skips or awaits
  those that others hold.
- When a row it waited for is free, it reads that row again and no other: it does not see rows
  inserted meanwhile, and keeps the counts it has read.
- Other statements see its changes from its commit on, with the time at which it began.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from msgspec.structs import replace

from simqueue.model import events as e
from simqueue.model.events import StoreEvent
from simqueue.model.ids import Instant, JobId, ScheduleId, Table
from simqueue.store.dequeueing import check_slots
from simqueue.store.locks import Resource
from simqueue.store.rejection import Rejection
from simqueue.store.statement import Statement
from simqueue.store.tables import Tables
from simqueue.store.touching import touches, truncated, uses

T = TypeVar("T")

_DRAW_SCHEDULE_IDS = (e.ScheduleInserted, e.ScheduleKept)
_DRAWS = (e.JobEnqueued, e.JobDeduplicated, e.JobReprioritized, *_DRAW_SCHEDULE_IDS)
_INSERTS = (e.JobEnqueued, e.JobReprioritized)
_FOLDS = (e.LogsAggregated, e.LogCleared, e.StatisticsCleared)


class Transaction(Generic[T]):
    """One statement in progress.

    ``number``   its age among those of one database
    ``now``      when it began: what ``NOW()`` is in it
    ``blocker``  the statement whose end it waits for, or None
    ``events``   what it will do at its commit; complete once it is ``ready``
    ``drawn``    the ids it has drawn since it was last advanced, which no rollback gives back
    ``rejection`` why the server rejected it, or None
    ``uses``     the tables it reads or writes
    ``truncates`` those that it has, or waits to have, to itself
    """

    def __init__(self, tables: Tables, number: int, now: Instant, statement: Statement[T]) -> None:
        self.number, self.now, self.statement = number, now, statement
        self.blocker: Transaction[Any] | None = None
        self.events: list[StoreEvent] = []
        self.drawn: list[StoreEvent] = []
        self.rejection: Rejection | None = None
        self.truncates: frozenset[Table] = frozenset()
        self.uses = uses(statement.name)
        self._tables = tables
        self._decided = False
        self._targets: frozenset[tuple[str, int]] = frozenset()
        self._ids: list[int] = []
        self._held: list[Resource] = []

    @property
    def ready(self) -> bool:
        """Whether it can commit."""
        return self._decided and self.blocker is None and self.rejection is None

    @property
    def deadlocked(self) -> bool:
        """Whether it is part of a circle of statements that wait for each other."""
        met: set[Transaction[Any]] = set()
        other = self.blocker
        # Others may wait in a circle that this one is not part of.
        while other is not None and other not in met:
            met.add(other)
            other = other.blocker
        return self in met

    def advance(self, earlier: Sequence[Transaction[Any]]) -> None:
        """Continue until it has to wait; ``earlier`` are the older transactions."""
        self.drawn = []
        try:
            self.blocker = self._advance(earlier)
        except Rejection as rejection:
            holders = map(self._holder, rejection.awaits)
            self.blocker = next((holder for holder in holders if holder is not None), None)
            self._draw_for(rejection)
            if self.blocker is None:
                self.fail(rejection)

    def fail(self, rejection: Rejection) -> None:
        """Discard everything that was decided, because of ``rejection``."""
        self.rejection, self.blocker, self.events = rejection, None, []

    def let_go(self) -> None:
        """Release all locks."""
        for resource in self._held:
            del self._tables.locks[resource]
        self._held.clear()

    def _advance(self, earlier: Sequence[Transaction[Any]]) -> Transaction[Any] | None:
        """Return the statement that has to end first, or None."""
        if self._decided:
            self._look_again()
            return self._lock()
        for other in earlier:
            if other.truncates & self.uses:
                return other
        events = self.statement.decide(self._tables, self.now)
        self.truncates = truncated(events)
        for other in earlier:
            if other.uses & self.truncates:
                return other
        if self.statement.locks is not None:
            self._hold(self.statement.locks(self._tables, self.now))
        self._decided = True
        self._targets = frozenset(_targets(events))
        self.events = [_as_of_now(self._tables, event) for event in events]
        return self._lock()

    def _look_again(self) -> None:
        """Revise the statement's events, now that the statement it waited for has ended."""
        claims = [event for event in self.events if isinstance(event, e.JobPicked)]
        if claims:
            check_slots(self._tables, claims)
        elif not any(isinstance(event, _FOLDS) for event in self.events):
            events = self.statement.decide(self._tables, self.now)
            draws = any(isinstance(event, _DRAWS) for event in self.events)
            self.events = events if draws else [*_restricted(events, self._targets)]

    def _lock(self) -> Transaction[Any] | None:
        """Lock the resources that the events touch; return the holder of a taken lock, or None."""
        for position, event in enumerate(self.events):
            holder = self._lock_for(event)
            if holder is not None:
                self._draw(position + 1)
                return holder
        self._draw(len(self.events))
        return None

    def _lock_for(self, event: StoreEvent) -> Transaction[Any] | None:
        for resource, held in touches(self._tables, event):
            holder = self._holder(resource)
            if holder is not None:
                return holder
            if held:
                self._hold([resource])
        return None

    def _draw(self, reached: int) -> None:
        """Draw ids for the events that the statement has reached; the events keep them."""
        drawing = [isinstance(event, _DRAWS) for event in self.events]
        needed = sum(drawing[:reached])
        if not needed:
            return
        jobs = not any(isinstance(event, _DRAW_SCHEDULE_IDS) for event in self.events)
        inserts = any(isinstance(event, _INSERTS) for event in self.events[: reached - 1])
        if jobs and inserts and self._tables.semantics.ids_up_front:
            needed = sum(drawing)
        sequence = self._tables.jobs if jobs else self._tables.schedules
        first = sequence.next_id
        self._extend("queue" if jobs else "schedules", first, needed)
        numbers = {first + index: number for index, number in enumerate(self._ids)}
        self.events = [_renumbered(event, numbers) for event in self.events]

    def _draw_for(self, rejection: Rejection) -> None:
        """Draw the ids that a statement has drawn when it runs into a key that is taken."""
        leaves = [event for event in rejection.leaves if isinstance(event, e.IdsBurned)]
        for event in leaves:
            if event.sequence == "queue":
                self._extend("queue", self._tables.jobs.next_id, event.count)
            elif event.sequence == "schedules":
                self._extend("schedules", self._tables.schedules.next_id, event.count)
        rejection.leaves = tuple(event for event in leaves if event.sequence == "log")

    def _extend(self, sequence: e.Sequence, first: int, needed: int) -> None:
        missing = needed - len(self._ids)
        if missing > 0:
            self._ids += range(first, first + missing)
            self.drawn.append(e.IdsBurned(sequence, missing))

    def _hold(self, resources: Iterable[Resource]) -> None:
        locks = self._tables.locks
        for resource in resources:
            if resource not in locks:
                locks[resource] = self
                self._held.append(resource)

    def _holder(self, resource: Resource) -> Transaction[Any] | None:
        """Return the other holder of a resource, or None."""
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

    def __iter__(self) -> Iterator[Transaction[Any]]:
        return iter([*self._open])

    def begin(self, now: Instant, statement: Statement[T]) -> Transaction[T]:
        """Execute a statement until it has to wait."""
        self._begun += 1
        transaction = Transaction(self._tables, self._begun, now, statement)
        transaction.advance([*self._open])
        self._open[transaction] = None
        return transaction

    def advance(self, transaction: Transaction[Any]) -> None:
        """Continue a statement that has waited."""
        transaction.advance([other for other in self._open if other.number < transaction.number])

    def finish(self, transaction: Transaction[Any]) -> list[Transaction[Any]]:
        """Release all locks of a statement; return those that waited for it, by age."""
        del self._open[transaction]
        transaction.let_go()
        return [other for other in self._open if other.blocker is transaction]


def _renumbered(event: StoreEvent, numbers: Mapping[int, int]) -> StoreEvent:
    """Return an event with the ids that its statement drew instead of those it was decided with."""
    if not isinstance(event, _DRAWS):
        return event
    ids = {name: getattr(event, name, 0) for name in ("job_id", "schedule_id", "burned")}
    moved = {name: numbers[number] for name, number in ids.items() if number in numbers}
    return replace(event, **moved)


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
            case e.SchedulesBeat():  # partial: other events change no rows that can be locked
                yield from (("schedule", number) for number in event.schedule_ids)


def _restricted(
    events: Iterable[StoreEvent], targets: frozenset[tuple[str, int]]
) -> Iterator[StoreEvent]:
    """Yield the events, restricted to the rows that the statement saw when it began."""
    for event in events:
        seen = [number for kind, number in _targets((event,)) if (kind, number) in targets]
        match event:
            case e.JobsBeat() if seen:
                yield e.JobsBeat(tuple(map(JobId, seen)))
            case e.SchedulesBeat() if seen:
                yield e.SchedulesBeat(tuple(map(ScheduleId, seen)))
            case e.TableChanged():
                yield event
            case _ if seen:  # partial: other events concern rows that came later
                yield event


def _as_of_now(tables: Tables, event: StoreEvent) -> StoreEvent:
    """Replace "all rows" in an event by the rows there are now: more may exist at the commit."""
    match event:
        case e.LogsAggregated():
            buckets = tuple(tables.log.buckets(tables.names).items())
            return replace(event, below=tables.log.next_id, buckets=buckets)
        case e.LogCleared():
            return replace(event, below=tables.log.next_id)
        case e.StatisticsCleared():  # partial: the other events name their rows
            return replace(event, below=tables.statistics.next_id)
    return event
