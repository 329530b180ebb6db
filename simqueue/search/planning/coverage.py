"""Evidence: what runs reached, and expected events that no run of a campaign reached."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec

from simqueue.check.expectations import Expectation
from simqueue.model import events as e
from simqueue.model.config import Config
from simqueue.model.ids import JobId
from simqueue.sim.run import Run

Schedule = tuple[str, str]
"""A schedule's entrypoint and its expression."""

Handler = tuple[Literal["entrypoint", "schedule"], str]
"""The kind of a handler's registration, and its name."""

_SCENARIO = "scenario"
_LOOKS = frozenset(
    {
        "browse_queue", "exception_logs", "job_log_history", "job_status", "list_failed_jobs",
        "log_statistics", "queue_job_by_id", "queue_log", "queue_size",
    }
)  # fmt: skip
"""Statements whose answers show held jobs."""


class Evidence(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False
):
    """The events that one or several runs have reached.

    ``wanted`` and ``reached`` are names of moments, ``struck`` kinds of faults, ``scheduled`` the
    schedules that workers registered, ``claimed`` those that a scheduler took up, ``broken`` the
    signatures of invariants that did not hold. ``registered`` are the entrypoints of workers,
    ``ran`` those whose handler started, ``returned`` the handlers that returned, ``raised`` those
    that raised, with the error's type. ``waiting`` are entrypoints whose jobs were queued when a
    run with workers ended, ``held`` those whose jobs were held and not looked at by the scenario.
    ``ready`` are workers that became ready, ``absent`` those that did not in some run, with the
    error that ended them or none.
    """

    wanted: frozenset[str] = frozenset()
    reached: frozenset[str] = frozenset()
    struck: frozenset[str] = frozenset()
    scheduled: frozenset[Schedule] = frozenset()
    claimed: frozenset[Schedule] = frozenset()
    broken: frozenset[str] = frozenset()
    registered: frozenset[str] = frozenset()
    ran: frozenset[str] = frozenset()
    returned: frozenset[Handler] = frozenset()
    raised: frozenset[tuple[Handler, str]] = frozenset()
    waiting: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    ready: frozenset[str] = frozenset()
    absent: frozenset[tuple[str, str]] = frozenset()

    def __or__(self, other: Evidence) -> Evidence:
        """Return what both have come to."""
        return Evidence(
            *(getattr(self, name) | getattr(other, name) for name in self.__struct_fields__)
        )

    def missing(self, config: Config) -> tuple[str, ...]:
        """Return a line for each expected event that no run reached."""
        return (
            *(f"sometimes {name!r} was never reached" for name in _left(self.wanted, self.reached)),
            *(
                f"fault {kind} was never injected"
                for kind in config.faults.kinds
                if kind not in self.struck
            ),
            *(text for name, text in self._unmet() if name not in config.without),
        )

    def _unmet(self) -> Iterator[tuple[Expectation, str]]:
        """Yield the expectations that no run met, and the missing events."""
        for entrypoint, expression in _left(self.scheduled, self.claimed):
            yield "schedules-run", f"schedule {entrypoint} ({expression}) never came due"
        for worker, error in sorted(self.absent):
            if worker not in self.ready:
                why = f"it ended with {error}" if error else "the runs ended before"
                yield "workers-start", _NEVER_READY.format(worker, why)
        for entrypoint in _left(self.registered, self.ran):
            why = _STILL_WAITING if entrypoint in self.waiting else _NO_JOB
            yield "entrypoints-run", _NEVER_RAN.format(entrypoint, why)
        for kind, name in sorted({handler for handler, _ in self.raised} - self.returned):
            errors = sorted(error for handler, error in self.raised if handler == (kind, name))
            yield "handlers-return", _NEVER_RETURNED.format(kind, name, " or ".join(errors))
        for entrypoint in _left(self.waiting, self.registered):
            yield "jobs-have-workers", _NO_WORKER.format(entrypoint)
        for entrypoint in sorted(self.held):
            yield "held-jobs-are-seen", _HELD.format(entrypoint)


_NEVER_READY = "worker {0} never became ready: {1} (to switch this off: without workers-start)"
_NEVER_RAN = "entrypoint {0} never ran: {1} (to switch this off: without entrypoints-run)"
_NO_JOB = "enqueue a job for it"
_STILL_WAITING = "its jobs were still waiting when the runs ended"
_NEVER_RETURNED = (
    "{0} {1}: its handler never returned, it always raised {2} (to switch this off: without "
    "handlers-return)"
)
_NO_WORKER = (
    "jobs of {0} stay queued: no worker registers {0!r} (to switch this off: without "
    "jobs-have-workers)"
)
_HELD = (
    "jobs of {0} failed and are held, and the scenario does not look at them: check "
    "sim.queries.list_failed_jobs(), or call settled(held=False) to fail then, or "
    "settled(held=True) to allow it (to switch this off: without held-jobs-are-seen)"
)

NOTHING = Evidence()


def _left(wanted: frozenset[Any], had: frozenset[Any]) -> list[Any]:
    return sorted(wanted - had)


def gather(run: Run) -> Evidence:
    """Return the evidence of a run, in one pass over its events."""
    seen = _Seen()
    for entry in run.events:
        note = _NOTES.get(type(entry.event))
        if note is not None:
            note(seen, entry.event)
        if type(entry.event) in _OF_WORKERS:
            seen.worker(entry.worker, entry.event)
    return Evidence(
        wanted=run.wanted,
        reached=frozenset(seen.reached),
        struck=frozenset(seen.struck),
        scheduled=frozenset(seen.scheduled),
        claimed=frozenset(seen.claimed),
        broken=frozenset(seen.broken),
        registered=frozenset(seen.registered),
        ran=frozenset(seen.ran),
        returned=frozenset(seen.returned),
        raised=frozenset(seen.raised),
        waiting=frozenset(seen.queued.values()) if seen.workers else frozenset(),
        held=frozenset() if seen.looked or run.held_allowed else frozenset(seen.held.values()),
        ready=frozenset(seen.ready),
        absent=frozenset(seen.absent.items()),
    )


class _Seen:
    """The evidence of the events so far."""

    def __init__(self) -> None:
        self.reached: set[str] = set()
        self.struck: set[str] = set()
        self.scheduled: set[Schedule] = set()
        self.claimed: set[Schedule] = set()
        self.broken: set[str] = set()
        self.schedules: dict[int, Schedule] = {}
        self.workers = False
        self.registered: set[str] = set()
        self.ran: set[str] = set()
        self.returned: set[Handler] = set()
        self.raised: set[tuple[Handler, str]] = set()
        self.queued: dict[JobId, str] = {}
        self.held: dict[JobId, str] = {}
        self.looked = False
        self.cancelling = False
        self.ready: set[str] = set()
        self.absent: dict[str, str] = {}

    def worker(self, name: str, event: object) -> None:
        """Record what an event shows about its worker or the scenario."""
        match event:
            case e.WorkerStarted() if name not in self.ready:
                self.absent.setdefault(name, "")
            case e.WorkerReady():
                self.ready.add(name)
                self.absent.pop(name, None)
            case e.WorkerExited(str(error)) if name in self.absent:
                self.absent[name] = error
            case e.StatementSent(name=statement) if name == _SCENARIO:
                self.looked |= statement in _LOOKS


_OF_WORKERS = frozenset({e.WorkerStarted, e.WorkerReady, e.WorkerExited, e.StatementSent})


def _reached(seen: _Seen, event: e.Reached) -> None:
    seen.reached.add(event.name)


def _struck(seen: _Seen, event: e.FaultStruck) -> None:
    seen.struck.add(event.fault)


def _ready(seen: _Seen, event: e.WorkerReady) -> None:
    seen.workers = True
    seen.registered.update(name for name, _ in event.entrypoints)
    seen.scheduled.update(event.schedules)


def _inserted(seen: _Seen, event: e.ScheduleInserted) -> None:
    seen.schedules[event.schedule_id] = (event.entrypoint, event.expression)


def _claimed(seen: _Seen, event: e.SchedulePicked) -> None:
    schedule = seen.schedules.get(event.schedule_id)
    if schedule is not None:
        seen.claimed.add(schedule)


def _broken(seen: _Seen, event: e.InvariantBroken) -> None:
    seen.broken.add(event.signature)


def _started(seen: _Seen, event: e.HandlerStarted) -> None:
    if event.job_id is not None:
        seen.ran.add(event.entrypoint)


def _finished(seen: _Seen, event: e.HandlerFinished) -> None:
    seen.returned.add(_handler(event))


def _cancelling(seen: _Seen, event: e.WorkerStopping) -> None:
    seen.cancelling = True


def _notified(seen: _Seen, event: e.NotificationSent) -> None:
    seen.cancelling |= "cancellation_event" in event.payload


def _raised(seen: _Seen, event: e.HandlerRaised) -> None:
    # A handler that was cancelled might have returned.
    if not (event.cancelled and seen.cancelling):
        seen.raised.add((_handler(event), event.error.partition(":")[0]))


def _handler(event: e.HandlerFinished | e.HandlerRaised) -> Handler:
    return ("schedule" if event.job_id is None else "entrypoint", event.entrypoint)


def _enqueued(seen: _Seen, event: e.JobEnqueued) -> None:
    seen.queued[event.job_id] = event.entrypoint


def _left_queue(seen: _Seen, event: e.JobPicked | e.JobDeleted) -> None:
    seen.queued.pop(event.job_id, None)
    seen.held.pop(event.job_id, None)


def _logged(seen: _Seen, event: e.JobLogged) -> None:
    seen.queued.pop(event.job_id, None)
    if event.status == "failed":
        seen.held[event.job_id] = event.entrypoint
    else:
        seen.held.pop(event.job_id, None)


def _requeued(seen: _Seen, event: e.JobRequeued) -> None:
    seen.looked = True  # the scenario handles held jobs


def _emptied(seen: _Seen, event: e.QueueTruncated | e.DatabaseDropped) -> None:
    seen.queued.clear()
    seen.held.clear()


def _crashed(seen: _Seen, event: e.ServerCrashed) -> None:
    if "queue" in event.emptied:
        seen.queued.clear()
        seen.held.clear()


_NOTES: dict[type, Callable[[_Seen, Any], None]] = {
    e.Reached: _reached,
    e.FaultStruck: _struck,
    e.WorkerReady: _ready,
    e.ScheduleInserted: _inserted,
    e.SchedulePicked: _claimed,
    e.InvariantBroken: _broken,
    e.HandlerStarted: _started,
    e.HandlerFinished: _finished,
    e.HandlerRaised: _raised,
    e.NotificationSent: _notified,
    e.WorkerStopping: _cancelling,
    e.JobEnqueued: _enqueued,
    e.JobPicked: _left_queue,
    e.JobDeleted: _left_queue,
    e.JobLogged: _logged,
    e.JobRequeued: _requeued,
    e.QueueTruncated: _emptied,
    e.DatabaseDropped: _emptied,
    e.ServerCrashed: _crashed,
}
