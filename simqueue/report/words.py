"""Words: a sentence for each event; its subject is the entry's worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

from simqueue.model import events as e
from simqueue.model.ids import MICROSECONDS, Instant
from simqueue.report.units import moment

_PAYLOAD_SHOWN = 40

_NAMELESS = ("faults", "scenario", "server", "supervisor", "world")
SCHEMA_CHECKS = (
    "has_table", "table_has_column", "table_has_index", "has_user_defined_enum", "has_function",
    "has_trigger", "schema_is_installed",
)  # fmt: skip
_STATEMENTS = {
    "aggregate_logs": "aggregation of the log",
    "connect": "handshake",
    "eligible_queued_work": "count of eligible jobs",
    "fetch_schedule": "fetch of due schedules",
    **dict.fromkeys(SCHEMA_CHECKS, "check of the schema"),
    "insert_schedule": "registration of schedules",
    "job_status": "query for job statuses",
    "listen": "LISTEN",
    "log_jobs": "log",
    "mark_job_as_cancelled": "cancellation",
    "notify": "NOTIFY",
    "next_deferred_eta": "query for the next deferred job",
    "queued_work": "count of queued jobs",
    "requeue_jobs": "requeue",
    "retry_job": "retry",
    "set_schedule_queued": "release of schedules",
    "unlisten": "UNLISTEN",
    "update_heartbeat": "heartbeat",
    "update_schedule_heartbeat": "schedule heartbeat",
}
"""Names of PgQueuer's statements in reports; other statements keep their names."""


def statement_words(name: str) -> str:
    """Return the name of a kind of statement in reports: ``update_heartbeat`` is a heartbeat."""
    return _STATEMENTS.get(name, name.replace("_", " "))


def called(name: str) -> str:
    """Return the name of a process in a sentence: a worker's own name."""
    return f"the {name}" if name in _NAMELESS else name


def words(event: e.AnyEvent) -> str:
    """Return what happened, without the actor and the time."""
    if isinstance(event, e.StoreEvent):
        return _of_store(event)
    return _of_world(event)


def payload_words(payload: bytes | None) -> str:
    """Return a payload as a short literal."""
    if payload is None:
        return "no payload"
    shown = repr(payload[:_PAYLOAD_SHOWN])
    return shown if len(payload) <= _PAYLOAD_SHOWN else f"{shown}... ({len(payload)} bytes)"


def _of_store(event: e.StoreEvent) -> str:  # noqa: PLR0911  a case per event
    match event:
        case e.ScheduleInserted() | e.SchedulePicked() | e.ScheduleReleased() | e.SchedulesBeat():
            return _of_schedules(event)
        case e.ScheduleKept() | e.ScheduleDeleted() | e.SchedulesTruncated():
            return _of_schedules(event)
        case e.LogsAggregated(count):
            return f"aggregates {count} log row(s)"
        case e.LogCleared(entrypoints):
            return f"clears the log {_of_entrypoints(entrypoints)}"
        case e.StatisticsCleared(entrypoints):
            return f"clears the statistics {_of_entrypoints(entrypoints)}"
        case e.DatabaseDropped():
            return "drops the database"
        case e.ServerCrashed(emptied):
            return f"crashes and starts again; emptied: {', '.join(emptied) or 'no table'}"
        case e.TableChanged(operation):
            return f"fires the trigger that notifies of {operation}"
        case e.NotificationSent(channel, payload):
            return f"notifies {channel}: {payload}"
        case _:
            return _of_queue(event)


QueueEvent = (
    e.JobEnqueued
    | e.JobDeduplicated
    | e.JobReprioritized
    | e.IdsBurned
    | e.JobPicked
    | e.JobLogged
    | e.JobRetried
    | e.JobRequeued
    | e.JobDeleted
    | e.QueueTruncated
    | e.JobsBeat
)


def _of_queue(event: QueueEvent) -> str:  # noqa: C901, PLR0911  a case per event
    match event:
        case e.JobEnqueued():
            return _of_enqueued(event)
        case e.JobDeduplicated(_, job_id, key):
            return f"enqueues nothing: job {job_id} has the dedupe key {key!r}"
        case e.JobReprioritized(_, job_id, priority):
            return f"sets job {job_id} to priority {priority}"
        case e.IdsBurned(sequence, count):
            return f"draws {count} id(s) of the {sequence} sequence that it does not use"
        case e.JobPicked():
            return _of_picked(event)
        case e.JobLogged(job_id, status, entrypoint):
            return f"logs job {job_id} ({entrypoint}) {status}"
        case e.JobRetried(job_id, due):
            return f"puts job {job_id} back to retry from {moment(due)}"
        case e.JobRequeued(job_id):
            return f"re-queues held job {job_id}"
        case e.JobDeleted(job_id):
            return f"clears job {job_id}"
        case e.QueueTruncated():
            return "truncates the queue"
        case e.JobsBeat(job_ids):
            return f"refreshes the heartbeat of {_numbered('job', job_ids)}"
        case _:
            assert_never(event)


def _of_enqueued(event: e.JobEnqueued) -> str:
    text = f"enqueues job {event.job_id} ({event.entrypoint}): {payload_words(event.payload)}"
    if event.priority:
        text += f", priority {event.priority}"
    if event.dedupe_key is not None:
        text += f", dedupe key {event.dedupe_key!r}"
    return text


def _of_picked(event: e.JobPicked) -> str:
    slot = "" if event.slot is None else f" into slot {event.slot}"
    if not event.stale:
        return f"picks job {event.job_id}{slot}"
    holder = "no manager" if event.previous is None else f"manager {event.previous}"
    return f"takes over stale job {event.job_id}{slot} from {holder}"


ScheduleEvent = (
    e.ScheduleInserted
    | e.ScheduleKept
    | e.SchedulePicked
    | e.ScheduleReleased
    | e.SchedulesBeat
    | e.ScheduleDeleted
    | e.SchedulesTruncated
)


def _of_schedules(event: ScheduleEvent) -> str:  # noqa: PLR0911  a case per event
    match event:
        case e.ScheduleInserted(schedule_id, expression, entrypoint, next_run):
            named = f"schedule {schedule_id} ({entrypoint}, {expression})"
            return f"registers {named}, first due {moment(next_run)}"
        case e.ScheduleKept(_, schedule_id):
            return f"registers nothing: schedule {schedule_id} is there"
        case e.SchedulePicked(schedule_id, due, next_run, stale):
            if stale:
                return (
                    f"takes over stale schedule {schedule_id}; its next tick is {moment(next_run)}"
                )
            tick = f"for its tick at {moment(due)}, the next is {moment(next_run)}"
            return f"picks schedule {schedule_id} {tick}"
        case e.ScheduleReleased(schedule_id):
            return f"gives schedule {schedule_id} back"
        case e.SchedulesBeat(schedule_ids):
            return f"refreshes the heartbeat of {_numbered('schedule', schedule_ids)}"
        case e.ScheduleDeleted(schedule_id):
            return f"deletes schedule {schedule_id}"
        case e.SchedulesTruncated():
            return "truncates the schedules"
        case _:
            assert_never(event)


def _of_world(event: e.WorldEvent) -> str:  # noqa: C901, PLR0911, PLR0912  a case per event
    match event:
        case e.StatementSent(statement, connection, name):
            return f"sends statement {statement} ({name}) over {connection}"
        case e.StatementHeld(statement, None):
            return f"has statement {statement} executed, but not yet committed"
        case e.StatementHeld(statement, awaits):
            return f"has statement {statement} wait for statement {awaits}"
        case e.StatementCommitted(statement):
            return f"has statement {statement} committed"
        case e.StatementFailed(statement, sqlstate, message):
            return f"has statement {statement} rejected: {sqlstate} {message}"
        case e.StatementReplied(statement):
            return f"gets the reply to statement {statement}"
        case e.ConnectionLost(connection, None):
            return f"loses its connection {connection}"
        case e.ConnectionLost(connection, statement):
            return f"loses its connection {connection}, and statement {statement} with it"
        case e.ConnectionRefused(connection, sqlstate):
            return f"is refused connection {connection}: {sqlstate}"
        case e.PoolExhausted() | e.PoolServed():
            return pool_words(event)
        case e.Listening(connection, channel, on):
            return f"{'listens' if on else 'stops listening'} to {channel} over {connection}"
        case e.NotificationDelivered(connection, sent):
            return f"hears notification {_sender(sent)} over {connection}"
        case e.NotificationDropped(connection, sent):
            return f"misses notification {_sender(sent)}: {connection} is gone"
        case e.LogLine(logger, level, message):
            return f"says {logger} {level}: {message}"
        case e.TaskFailed(message, error):
            return f"has a task whose error was never retrieved: {error or message}"
        case e.ScenarioChose(name, value):
            return f"chooses {name} = {value}"
        case e.LoopBlocked(duration, thread):
            blocks = "has a thread sleep" if thread else "blocks its loop"
            return f"{blocks} for {duration / MICROSECONDS:g} s"
        case e.ServerRestarted():
            return "is shut down and started again"
        case e.FaultStruck(fault, detail, statement):
            at = "" if statement is None else f" at statement {statement}"
            return f"is hit by an injected fault, {fault}{at}" + (f": {detail}" if detail else "")
        case e.Healed():
            return "is healed: all faults end"
        case e.Reached(name):
            return f"reaches {name!r}"
        case e.InvariantBroken(name, message):
            return f"breaks {name}: {message}"
        case _:
            return _of_workers(event)


def pool_words(event: e.PoolExhausted | e.PoolServed) -> str:
    """Return the task that waits for a pool's connection and their holders, or that got one."""
    match event:
        case e.PoolExhausted(size, waiter, holders, others):
            since = moment(max((use.since for use in holders), default=waiter.since))
            used = f"has its pool of {size} connections used up since {since}"
            behind = f", behind {others} more" if others else ""
            waits = f"{_users([waiter])} waits for one{behind}{_at(waiter)}"
            return f"{used}: {'; '.join([*_holding(holders), waits])}"
        case e.PoolServed(waiter):
            return f"gets a connection of its pool for {_users([waiter])}{_at(waiter)}"
        case _:
            assert_never(event)


def _holding(holders: tuple[e.PoolUse, ...]) -> Iterator[str]:
    """Yield the holders of connections, the jobs of one entrypoint at one place together."""
    groups: dict[object, list[e.PoolUse]] = {}
    for use in holders:
        job = use.job_id is not None
        groups.setdefault((use.statement, use.place, use.entrypoint, job), []).append(use)
    for uses in groups.values():
        verb = "holds one" if len(uses) == 1 else "hold one each"
        yield f"{_users(uses)} {verb} since {moment(uses[0].since)}{_at(uses[0])}"


def _users(uses: Sequence[e.PoolUse]) -> str:
    """Return the users of a pool's connections: ``jobs 1, 2 (report)``, ``its heartbeat``."""
    first = uses[0]
    if first.entrypoint:
        noun = "schedule" if first.job_id is None else "job"
        ids = [str(getattr(use, f"{noun}_id")) for use in uses]
        return f"{noun}{'s' * (len(ids) > 1)} {', '.join(ids)} ({first.entrypoint})"
    return f"its {statement_words(first.statement)}" if first.statement else "its own code"


def _at(use: e.PoolUse) -> str:
    return f" (at {use.place})" if use.place else ""


WorkerEvent = (
    e.WorkerStarted
    | e.WorkerReady
    | e.WorkerStopping
    | e.WorkerExited
    | e.WorkerCrashed
    | e.WorkerPaused
    | e.WorkerResumed
    | e.ClockSet
    | e.TasksLeaked
    | e.ErrorIgnored
    | e.HandlerStarted
    | e.HandlerFinished
    | e.HandlerRaised
)


def _of_workers(event: WorkerEvent) -> str:  # noqa: C901, PLR0911, PLR0912  a case per event
    match event:
        case e.WorkerStarted(incarnation):
            return "starts" if incarnation == 1 else f"starts again (incarnation {incarnation})"
        case e.WorkerReady(manager):
            return f"is ready as manager {manager}" if manager else "is ready, for schedules alone"
        case e.WorkerStopping():
            return "is asked to stop"
        case e.WorkerExited(error):
            return "ends" if error is None else f"ends with {error}"
        case e.WorkerCrashed():
            return "is killed"
        case e.WorkerPaused(duration):
            return f"is paused for {duration / MICROSECONDS:g} s"
        case e.WorkerResumed():
            return "resumes before its pause is over"
        case e.ClockSet(offset):
            ahead = "ahead of" if offset >= 0 else "behind"
            return f"has its clock set {abs(offset) / MICROSECONDS:g} s {ahead} the others"
        case e.TasksLeaked(tasks):
            return f"leaves tasks that are not done: {', '.join(tasks)}"
        case e.ErrorIgnored(task, error):
            return f"has an unretrieved error in task {task}: {error}"
        case e.HandlerStarted():
            return f"starts to run {task_words(event)}"
        case e.HandlerFinished():
            return f"finishes {task_words(event)}"
        case e.HandlerRaised(_, error):
            return f"fails in {task_words(event)}: {error}"
        case _:
            assert_never(event)


def task_words(event: e.HandlerStarted | e.HandlerFinished | e.HandlerRaised) -> str:
    """Return the job or schedule of a handler: ``job 3 (charge)``."""
    if event.job_id is not None:
        return f"job {event.job_id} ({event.entrypoint})"
    return f"schedule {event.schedule_id} ({event.entrypoint})"


def _numbered(noun: str, ids: tuple[int, ...]) -> str:
    if not ids:
        return f"no {noun} that exists"
    return f"{noun} {', '.join(map(str, ids))}"


def _of_entrypoints(entrypoints: tuple[str, ...] | None) -> str:
    return "of everything" if entrypoints is None else f"of {', '.join(entrypoints) or 'nothing'}"


def _sender(sent: int) -> str:
    return f"#{sent}"


def happened(at: Instant, worker: str, event: e.AnyEvent) -> str:
    """Return the whole sentence, ``+0.000200s a picks job 3``."""
    return f"{moment(at)} {worker} {words(event)}"
