"""Every state transition of a run, as one tagged union.

The first group changes tables, and the tables are its fold: replaying these events through
``store.apply`` gives every table at every moment, without user code. The second group records what
happened around the database. An event says what happened; the ``Entry`` around it says when, for
which process, and which earlier entry caused it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from simqueue.model import ids
from simqueue.model.bounds import (
    Bucket,
    Duration,
    EntryNumber,
    Instant,
    Int64,
    JobId,
    Position,
    ScheduleId,
    StatementId,
)
from simqueue.model.fault import FaultKind
from simqueue.model.ids import ManagerId, Operation, Status, Table


class Event(msgspec.Struct, frozen=True, gc=False, tag_field="type", omit_defaults=True):
    """Base of all events; the tag is the class name in snake case.

    No event is part of a reference cycle, so that the garbage collector need not look at them.
    """


def _tag(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


# --- the queue table ------------------------------------------------------------------------


class JobEnqueued(Event, frozen=True, tag=_tag):
    """A job was inserted as ``queued`` and logged with that status."""

    job_id: JobId
    entrypoint: str
    priority: Int64
    execute_after: Instant
    payload: bytes | None = None
    dedupe_key: str | None = None
    headers: str | None = None


class JobDeduplicated(Event, frozen=True, tag=_tag):
    """An enqueue met a live job with its dedupe key and inserted nothing; it drew id ``burned``."""

    burned: JobId
    job_id: JobId
    dedupe_key: str


class JobReprioritized(Event, frozen=True, tag=_tag):
    """An enqueue with ``on_conflict="update_priority"`` set a live job's priority."""

    burned: JobId
    job_id: JobId
    priority: Int64


Sequence = Literal["queue", "log", "schedules"]


class IdsBurned(Event, frozen=True, tag=_tag):
    """A sequence moved ahead of the rows, or without one; sequences do not roll back."""

    sequence: Sequence
    count: Int64


class JobPicked(Event, frozen=True, tag=_tag):
    """A manager claimed a job; from ``previous``, when the claim took over a stale row."""

    job_id: JobId
    manager: ManagerId
    slot: Int64 | None = None
    previous: ManagerId | None = None
    stale: bool = False


class JobLogged(Event, frozen=True, tag=_tag):
    """A job reached ``status`` and left the queue, or stays in it when ``status`` is ``failed``."""

    job_id: JobId
    status: Status
    entrypoint: str
    priority: Int64
    traceback: str | None = None


class JobRetried(Event, frozen=True, tag=_tag):
    """A job went back to ``queued`` with one attempt more."""

    job_id: JobId
    execute_after: Instant
    traceback: str | None = None


class JobRequeued(Event, frozen=True, tag=_tag):
    """A held (``failed``) job went back to ``queued`` with its attempts forgotten."""

    job_id: JobId


class JobDeleted(Event, frozen=True, tag=_tag):
    """A job was cleared by its entrypoint and logged ``deleted``."""

    job_id: JobId


class QueueTruncated(Event, frozen=True, tag=_tag):
    """The queue table was truncated; nothing is logged, sequences go on."""


class JobsBeat(Event, frozen=True, tag=_tag):
    """These jobs' heartbeats were set to now; ids without a row are left out."""

    job_ids: tuple[JobId, ...]


# --- log and statistics ---------------------------------------------------------------------


class LogsAggregated(Event, frozen=True, tag=_tag):
    """All ``count`` log rows not yet aggregated were folded into the statistics table.

    A statement that overlapped others counted what it saw when it began: the ``buckets``, from
    rows with an id ``below``. Others may have counted those rows meanwhile, too.
    """

    count: Int64
    below: Int64 | None = None
    buckets: tuple[tuple[Bucket, Int64], ...] | None = None


class LogCleared(Event, frozen=True, tag=_tag):
    """Log rows of these entrypoints were deleted; None: the table was truncated.

    ``below`` spares rows that were not there when the statement began.
    """

    entrypoints: tuple[str, ...] | None = None
    below: Int64 | None = None


class StatisticsCleared(Event, frozen=True, tag=_tag):
    """Statistics of these entrypoints were deleted; None: the table was truncated.

    ``below`` spares rows that were not there when the statement began.
    """

    entrypoints: tuple[str, ...] | None = None
    below: Int64 | None = None


# --- schedules ------------------------------------------------------------------------------


class ScheduleInserted(Event, frozen=True, tag=_tag):
    """A schedule was registered for the first time."""

    schedule_id: ScheduleId
    expression: str
    entrypoint: str
    next_run: Instant


class ScheduleKept(Event, frozen=True, tag=_tag):
    """A registration met its schedule and inserted nothing; it drew id ``burned``."""

    burned: ScheduleId
    schedule_id: ScheduleId


class SchedulePicked(Event, frozen=True, tag=_tag):
    """A scheduler claimed a schedule for the tick ``due``; the next one is ``next_run``."""

    schedule_id: ScheduleId
    due: Instant
    next_run: Instant
    stale: bool = False


class ScheduleReleased(Event, frozen=True, tag=_tag):
    """A schedule went back to ``queued`` and its ``last_run`` is now."""

    schedule_id: ScheduleId


class SchedulesBeat(Event, frozen=True, tag=_tag):
    """These schedules' heartbeats were set to now; ids without a row are left out."""

    schedule_ids: tuple[ScheduleId, ...]


class ScheduleDeleted(Event, frozen=True, tag=_tag):
    """A schedule was deleted."""

    schedule_id: ScheduleId


class SchedulesTruncated(Event, frozen=True, tag=_tag):
    """The schedules table was truncated."""


class DatabaseDropped(Event, frozen=True, tag=_tag):
    """``uninstall``: every table is empty and every sequence starts again."""


class ServerCrashed(Event, frozen=True, tag=_tag):
    """The server crashed and recovered: unlogged tables are empty, and no connection listens."""

    emptied: tuple[Table, ...] = ()


# --- notifications, as the server sends them -------------------------------------------------


class TableChanged(Event, frozen=True, tag=_tag):
    """The trigger on the queue table sent its notification, once for the statement."""

    operation: Operation


class NotificationSent(Event, frozen=True, tag=_tag):
    """``pg_notify`` was called with this payload."""

    channel: str
    payload: str


StoreEvent = (
    JobEnqueued
    | JobDeduplicated
    | JobReprioritized
    | IdsBurned
    | JobPicked
    | JobLogged
    | JobRetried
    | JobRequeued
    | JobDeleted
    | QueueTruncated
    | JobsBeat
    | LogsAggregated
    | LogCleared
    | StatisticsCleared
    | ScheduleInserted
    | ScheduleKept
    | SchedulePicked
    | ScheduleReleased
    | SchedulesBeat
    | ScheduleDeleted
    | SchedulesTruncated
    | DatabaseDropped
    | ServerCrashed
    | TableChanged
    | NotificationSent
)
"""The events that a statement can decide; ``store.apply`` applies each of them."""


# --- statements and connections --------------------------------------------------------------


class StatementSent(Event, frozen=True, tag=_tag):
    """A client handed a statement to its connection."""

    statement: StatementId
    connection: str
    name: str


class StatementHeld(Event, frozen=True, tag=_tag):
    """The server executed it, but has not committed it yet; meanwhile it holds its locks.

    ``awaits`` is the statement whose commit it needs before it can go on, if there is one.
    """

    statement: StatementId
    awaits: StatementId | None = None


class StatementCommitted(Event, frozen=True, tag=_tag):
    """The server committed it; the events it decided follow."""

    statement: StatementId


class StatementFailed(Event, frozen=True, tag=_tag):
    """The server rejected it; nothing it decided was applied, except ids it had drawn."""

    statement: StatementId
    sqlstate: str
    message: str


class StatementReplied(Event, frozen=True, tag=_tag):
    """The reply reached the client; ``answer`` is what a question for one number was answered."""

    statement: StatementId
    answer: Int64 | None = None


class ConnectionLost(Event, frozen=True, tag=_tag):
    """A connection broke, and with it the statement that was not answered yet, if there was one."""

    connection: str
    statement: StatementId | None = None


class ConnectionRefused(Event, frozen=True, tag=_tag):
    """The server did not let a client connect."""

    connection: str
    sqlstate: str


class PoolUse(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A user of a pool that has held a connection, or has waited for one, ``since`` a moment.

    The user is the handler of a job or of a schedule, or PgQueuer with a ``statement``. ``place``
    is the line of the user's code that takes the connection, if there is one.
    """

    since: Instant
    statement: str = ""
    place: str = ""
    entrypoint: str = ""
    job_id: JobId | None = None
    schedule_id: ScheduleId | None = None


class PoolExhausted(Event, frozen=True, tag=_tag):
    """A pool of ``size`` connections has none left, and has had none given back for a second.

    ``waiter`` waits for one from now on, behind ``others`` that came before; ``holders`` hold all
    connections.
    """

    size: Position
    waiter: PoolUse
    holders: tuple[PoolUse, ...]
    others: Position = 0

    @property
    def job_ids(self) -> tuple[JobId, ...]:
        """The jobs whose handlers hold a connection or wait for one."""
        jobs = (use.job_id for use in (self.waiter, *self.holders))
        return tuple(dict.fromkeys(job for job in jobs if job is not None))

    @property
    def schedule_ids(self) -> tuple[ScheduleId, ...]:
        """The schedules whose handlers hold a connection or wait for one."""
        schedules = (use.schedule_id for use in (self.waiter, *self.holders))
        return tuple(dict.fromkeys(each for each in schedules if each is not None))


class PoolServed(Event, frozen=True, tag=_tag):
    """A waiter got a pool's connection after a ``PoolExhausted`` about it."""

    waiter: PoolUse


class Listening(Event, frozen=True, tag=_tag):
    """A connection listens on a channel from now on, or no longer does."""

    connection: str
    channel: str
    on: bool = True


class NotificationDelivered(Event, frozen=True, tag=_tag):
    """A notification reached a client; ``sent`` is the entry that sent it."""

    connection: str
    sent: EntryNumber


class NotificationDropped(Event, frozen=True, tag=_tag):
    """A notification found its connection gone."""

    connection: str
    sent: EntryNumber


# --- workers, handlers, the scenario ----------------------------------------------------------


class WorkerStarted(Event, frozen=True, tag=_tag):
    """A simulated process started; ``incarnation`` counts from 1."""

    incarnation: Int64


class WorkerReady(Event, frozen=True, tag=_tag):
    """The worker's registration code ran; ``manager`` will mark its picks.

    It is empty for a worker that runs schedules alone, since a ``SchedulerManager`` has no id.
    ``entrypoints`` are names with their concurrency limits, 0 being none; ``schedules`` names with
    their expressions. ``tasks_max`` is how many jobs the worker may hold, None any number;
    ``drain`` says that it ends when the queue is empty, ``pooled`` that it has several connections.
    """

    manager: ManagerId
    entrypoints: tuple[tuple[str, Int64], ...] = ()
    schedules: tuple[tuple[str, str], ...] = ()
    heartbeat_timeout: Duration = ids.Duration(30_000_000)
    dequeue_timeout: Duration = ids.Duration(30_000_000)
    tasks_max: Int64 | None = None
    drain: bool = False
    pooled: bool = False


class WorkerStopping(Event, frozen=True, tag=_tag):
    """The worker got SIGTERM: its shutdown event is set."""


class WorkerExited(Event, frozen=True, tag=_tag):
    """The worker's ``run()`` ended, with the error that ended it or none."""

    error: str | None = None


class WorkerCrashed(Event, frozen=True, tag=_tag):
    """The worker got SIGKILL: none of its code runs any more, not even ``finally``."""


class WorkerPaused(Event, frozen=True, tag=_tag):
    """The worker does not run for this long, while its connections stay open (SIGSTOP)."""

    duration: Duration


class WorkerResumed(Event, frozen=True, tag=_tag):
    """The worker runs again before its pause was over."""


class ClockSet(Event, frozen=True, tag=_tag):
    """The worker's wall clock is from now on this far ahead of the others, behind if negative."""

    offset: Duration


class TasksLeaked(Event, frozen=True, tag=_tag):
    """The worker's ``run()`` returned while these tasks of it were not done."""

    tasks: tuple[str, ...]


class ErrorIgnored(Event, frozen=True, tag=_tag):
    """A task ended with an error some time ago, and no code has retrieved the error since."""

    task: str
    error: str


class HandlerStarted(Event, frozen=True, tag=_tag):
    """A handler began to run a job (``job_id``) or a schedule (``schedule_id``)."""

    entrypoint: str
    job_id: JobId | None = None
    schedule_id: ScheduleId | None = None


class HandlerFinished(Event, frozen=True, tag=_tag):
    """The handler returned; ``cancelled`` says that its cancel scope had been cancelled by then."""

    entrypoint: str
    job_id: JobId | None = None
    schedule_id: ScheduleId | None = None
    cancelled: bool = False


class HandlerRaised(Event, frozen=True, tag=_tag):
    """The handler raised, or was cancelled (``CancelledError``).

    ``retry`` says that it asked to be retried, ``cancelled`` that its task or its cancel scope had
    been cancelled by then.
    """

    entrypoint: str
    error: str
    job_id: JobId | None = None
    schedule_id: ScheduleId | None = None
    retry: bool = False
    cancelled: bool = False


class LogLine(Event, frozen=True, tag=_tag):
    """A line of stdlib logging or of ``sim.log``, as it was rendered."""

    logger: str
    level: str
    message: str


class TaskFailed(Event, frozen=True, tag=_tag):
    """The loop's exception handler was called: an error that no code awaited."""

    message: str
    error: str


class ScenarioChose(Event, frozen=True, tag=_tag):
    """The scenario drew from ``sim.choice``, ``sim.chance`` or ``sim.random``."""

    name: str
    value: str


class LoopBlocked(Event, frozen=True, tag=_tag):
    """A step blocked its process's loop (``time.sleep``) for this long.

    With ``thread`` it was a function in a thread that slept, while the loop went on.
    """

    duration: Duration
    thread: bool = False


class ServerRestarted(Event, frozen=True, tag=_tag):
    """The server was shut down properly and started: every connection is lost, no row is."""


class FaultStruck(Event, frozen=True, tag=_tag):
    """A fault that the config allows occurred to the entry's worker, or to the server.

    ``statement`` is the statement that the fault occurred to, or the one around which it was
    injected, if there is one.
    """

    fault: FaultKind
    detail: str = ""
    statement: StatementId | None = None


class Healed(Event, frozen=True, tag=_tag):
    """All faults ended; from now on what is owed is due."""


class Reached(Event, frozen=True, tag=_tag):
    """A condition of ``sim.sometimes`` or ``sim.eventually`` was met."""

    name: str


class InvariantBroken(Event, frozen=True, tag=_tag):
    """A check found an invariant violated.

    ``variant`` distinguishes different ways in which one invariant breaks; ``job_ids`` and
    ``schedule_ids`` are the jobs and schedules that it is about.
    """

    name: str
    message: str
    variant: str = ""
    job_ids: tuple[JobId, ...] = ()
    schedule_ids: tuple[ScheduleId, ...] = ()

    @property
    def signature(self) -> str:
        """The signature by which failures of this kind are recognized."""
        return ":".join(filter(None, ("invariant", self.name, self.variant)))


WorldEvent = (
    StatementSent
    | StatementHeld
    | StatementCommitted
    | StatementFailed
    | StatementReplied
    | ConnectionLost
    | ConnectionRefused
    | PoolExhausted
    | PoolServed
    | Listening
    | NotificationDelivered
    | NotificationDropped
    | WorkerStarted
    | WorkerReady
    | WorkerStopping
    | WorkerExited
    | WorkerCrashed
    | WorkerPaused
    | WorkerResumed
    | ClockSet
    | TasksLeaked
    | ErrorIgnored
    | HandlerStarted
    | HandlerFinished
    | HandlerRaised
    | LogLine
    | TaskFailed
    | ScenarioChose
    | LoopBlocked
    | ServerRestarted
    | FaultStruck
    | Healed
    | Reached
    | InvariantBroken
)

AnyEvent = StoreEvent | WorldEvent


class Entry(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One line of the event log.

    ``at`` is virtual time, ``worker`` the simulated process that it belongs to, ``cause`` the
    number of the earlier entry that led to it, where one is known. ``began`` is the value of
    ``NOW()`` in the statement, if the statement began before it committed.
    """

    at: Instant
    worker: str
    event: AnyEvent
    cause: EntryNumber | None = None
    began: Instant | None = None

    @property
    def now(self) -> Instant:
        """The value of ``NOW()`` in the statement whose event this is."""
        return self.at if self.began is None else self.began
