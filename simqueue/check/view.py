"""The state that invariants share: workers, running handlers, heartbeats and stalls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

from simqueue.model import events as e
from simqueue.model.config import Config
from simqueue.model.events import Entry
from simqueue.model.ids import Duration, EntryNumber, Instant, JobId, ManagerId, ScheduleId
from simqueue.store import Tables

_HALF_A_MINUTE, _NOTHING = Duration(30_000_000), Duration(0)
_BEGINNING = Instant(0)


@dataclass(slots=True, eq=False)
class WorkerView:
    """One incarnation of a worker, by its events.

    ``ready`` is when its managers began to run, ``stopping`` when it was asked to stop, ``lost``
    when the connection broke that it cannot do without, ``deaf`` when one broke that it listens
    with; None: not yet, or not any more. ``back`` is when it was last seen to be connected after
    all. ``stalls`` are the spans in which it was paused or its loop was blocked, in order; the last
    may reach into the future. ``listens`` are the channels of each connection that it has listened
    with, and ``unheard`` those of the ones that broke, as long as no other connection has them.
    """

    name: str
    incarnation: int
    alive: bool = True
    manager: ManagerId | None = None
    entrypoints: dict[str, int] = field(default_factory=dict)
    schedules: frozenset[tuple[str, str]] = frozenset()
    heartbeat_timeout: Duration = _HALF_A_MINUTE
    dequeue_timeout: Duration = _HALF_A_MINUTE
    tasks_max: int | None = None
    drain: bool = False
    pooled: bool = False
    skew: Duration = _NOTHING
    ready: Instant | None = None
    stopping: Instant | None = None
    ended: Instant | None = None
    lost: Instant | None = None
    deaf: Instant | None = None
    back: Instant = _BEGINNING
    stalls: list[tuple[Instant, Instant]] = field(default_factory=list)
    listens: dict[str, set[str]] = field(default_factory=dict)
    unheard: set[str] = field(default_factory=set)

    def stalled(self, begin: int, end: int) -> int:
        """Return for how many microseconds of a span it could not run."""
        return sum(max(0, min(until, end) - max(since, begin)) for since, until in self.stalls)

    def able(self) -> bool:
        """Return whether it is up, connected, and not asked to stop."""
        return self.alive and self.ready is not None and self.lost is None and self.stopping is None

    def __str__(self) -> str:
        """Return its name, with its incarnation if that is not the first."""
        return (
            self.name if self.incarnation == 1 else f"{self.name} (incarnation {self.incarnation})"
        )


@dataclass(slots=True, eq=False)
class Running:
    """A handler that runs: its worker, and since when."""

    worker: WorkerView
    since: Instant


class View:
    """The state of the world by the events so far; kept by the panel.

    **An invariant sees the view as it was before an event, and the tables as they are after it.**

    ``workers`` holds the latest incarnation by name, ``managers`` that which runs a manager.
    ``running`` and ``ticking`` are the handlers that run a job or a schedule now, oldest first.
    ``beats`` is when a picked job was last beaten for, or picked.
    ``calm_since`` is the instant from which on what is owed is due: the run's first, or when its
    faults ended; None while they are active. ``number`` is that of the entry that is shown.
    ``books`` are those that invariants keep together, by their type.
    """

    __slots__ = (
        "beats", "books", "calm_since", "config", "managers", "number", "patience", "running",
        "schedule_beats", "tables", "ticking", "workers",
    )  # fmt: skip

    takers: ClassVar[dict[type, Callable[[View, Entry, Any], None]]]
    """By type of event, the function that updates the view."""

    hearers: ClassVar[dict[str, Callable[[View, Entry], None]]]
    """By name of a statement that is sent, the function that updates the view."""

    def __init__(self, tables: Tables, config: Config = Config()) -> None:  # noqa: B008  frozen
        self.tables, self.config = tables, config
        self.number = EntryNumber(-1)
        self.books: dict[type, Any] = {}
        self.patience = Duration(config.patience // timedelta(microseconds=1))
        self.calm_since: Instant | None = None if config.faults.kinds else Instant(0)
        self.workers: dict[str, WorkerView] = {}
        self.managers: dict[ManagerId, WorkerView] = {}
        self.running: dict[JobId, list[Running]] = {}
        self.ticking: dict[ScheduleId, list[Running]] = {}
        self.beats: dict[JobId, Instant] = {}
        self.schedule_beats: dict[ScheduleId, Instant] = {}

    def runs(self, worker: WorkerView) -> bool:
        """Return whether a handler of a worker's runs, of a job or of a schedule."""
        return any(
            run.worker is worker
            for runs in (self.running, self.ticking)
            for each in runs.values()
            for run in each
        )


# --- updates by each event ---


def _started(view: View, entry: Entry, event: e.WorkerStarted) -> None:
    before = view.workers.get(entry.worker)
    worker = WorkerView(entry.worker, event.incarnation)
    if before is not None:
        worker.skew = before.skew  # a machine's clock outlives a process
    view.workers[entry.worker] = worker


def _ready(view: View, entry: Entry, event: e.WorkerReady) -> None:
    worker = view.workers.setdefault(entry.worker, WorkerView(entry.worker, 1))
    worker.manager, worker.ready = event.manager, entry.at
    worker.entrypoints = dict(event.entrypoints)
    worker.schedules = frozenset(event.schedules)
    worker.heartbeat_timeout = event.heartbeat_timeout
    worker.dequeue_timeout = event.dequeue_timeout
    worker.tasks_max, worker.drain, worker.pooled = event.tasks_max, event.drain, event.pooled
    if event.manager:
        view.managers[event.manager] = worker


def _stopping(view: View, entry: Entry, event: e.WorkerStopping) -> None:
    worker = view.workers.get(entry.worker)
    if worker is not None and worker.stopping is None:
        worker.stopping = entry.at


def _ended(view: View, entry: Entry, event: e.WorkerExited | e.WorkerCrashed) -> None:
    worker = view.workers.get(entry.worker)
    if worker is None:
        return
    worker.alive, worker.ended = False, entry.at
    for runs in (view.running, view.ticking):
        _drop(runs, lambda run: run.worker is worker)


def _paused(view: View, entry: Entry, event: e.WorkerPaused | e.LoopBlocked) -> None:
    worker = view.workers.get(entry.worker)
    if worker is not None:
        worker.stalls.append((entry.at, Instant(entry.at + event.duration)))


def _blocked(view: View, entry: Entry, event: e.LoopBlocked) -> None:
    if not event.thread:  # else the loop goes on
        _paused(view, entry, event)


def _resumed(view: View, entry: Entry, event: e.WorkerResumed) -> None:
    worker = view.workers.get(entry.worker)
    if worker is not None:
        worker.stalls = [(begin, min(end, entry.at)) for begin, end in worker.stalls]


def _clock_set(view: View, entry: Entry, event: e.ClockSet) -> None:
    worker = view.workers.get(entry.worker)
    if worker is not None:
        worker.skew = event.offset


def _connection_lost(view: View, entry: Entry, event: e.ConnectionLost) -> None:
    worker = view.workers.get(entry.worker)
    if worker is None:
        return
    channels = worker.listens.pop(event.connection, None)
    if channels:
        worker.deaf = entry.at if worker.deaf is None else worker.deaf
        worker.unheard |= channels
    if not worker.pooled and worker.lost is None:
        worker.lost = entry.at


def _listening(view: View, entry: Entry, event: e.Listening) -> None:
    worker = view.workers.get(entry.worker)
    # A connection stops listening before it is lost, which must not make it one that never did.
    if worker is None or not event.on:
        return
    worker.listens.setdefault(event.connection, set()).add(event.channel)
    worker.unheard.discard(event.channel)
    if worker.deaf is not None and not worker.unheard:
        worker.deaf = None
        _connected(worker, entry.at)


def _dequeues(view: View, entry: Entry) -> None:
    worker = view.workers.get(entry.worker)
    if worker is not None and entry.cause is None:  # with a cause it is a handler's own
        _connected(worker, entry.at)


def _connected(worker: WorkerView, at: Instant) -> None:
    """Note that a worker is connected: it lost another connection, or replaced it."""
    if worker.lost is not None:
        worker.lost, worker.back = None, at


def _handler_started(view: View, entry: Entry, event: e.HandlerStarted) -> None:
    worker = view.workers.get(entry.worker)
    if worker is None:
        return
    if event.job_id is not None:
        view.running.setdefault(event.job_id, []).append(Running(worker, entry.at))
    elif event.schedule_id is not None:
        view.ticking.setdefault(event.schedule_id, []).append(Running(worker, entry.at))


def _handler_ended(view: View, entry: Entry, event: e.HandlerFinished | e.HandlerRaised) -> None:
    worker = view.workers.get(entry.worker)
    if event.job_id is not None:
        _end_first(view.running, event.job_id, worker)
    elif event.schedule_id is not None:
        _end_first(view.ticking, event.schedule_id, worker)


def _picked(view: View, entry: Entry, event: e.JobPicked) -> None:
    view.beats[event.job_id] = entry.now


def _beat(view: View, entry: Entry, event: e.JobsBeat) -> None:
    for job in event.job_ids:
        view.beats[job] = entry.now


def _schedule_picked(view: View, entry: Entry, event: e.SchedulePicked) -> None:
    view.schedule_beats[event.schedule_id] = entry.now


def _schedules_beat(view: View, entry: Entry, event: e.SchedulesBeat) -> None:
    for schedule in event.schedule_ids:
        view.schedule_beats[schedule] = entry.now


def _healed(view: View, entry: Entry, event: e.Healed) -> None:
    view.calm_since = entry.at


def _drop(runs: dict[Any, list[Running]], ended: Callable[[Running], bool]) -> None:
    for number in [number for number, each in runs.items() if any(map(ended, each))]:
        left = [run for run in runs[number] if not ended(run)]
        if left:
            runs[number] = left
        else:
            del runs[number]


def _end_first(runs: dict[Any, list[Running]], number: int, worker: WorkerView | None) -> None:
    """End the worker's oldest run of a job or a schedule."""
    each = runs.get(number, [])
    for run in each:
        if run.worker is worker:
            each.remove(run)
            break
    if not each:
        runs.pop(number, None)


View.takers = {
    e.WorkerStarted: _started,
    e.WorkerReady: _ready,
    e.WorkerStopping: _stopping,
    e.WorkerExited: _ended,
    e.WorkerCrashed: _ended,
    e.WorkerPaused: _paused,
    e.LoopBlocked: _blocked,
    e.WorkerResumed: _resumed,
    e.ClockSet: _clock_set,
    e.ConnectionLost: _connection_lost,
    e.Listening: _listening,
    e.HandlerStarted: _handler_started,
    e.HandlerFinished: _handler_ended,
    e.HandlerRaised: _handler_ended,
    e.JobPicked: _picked,
    e.JobsBeat: _beat,
    e.SchedulePicked: _schedule_picked,
    e.SchedulesBeat: _schedules_beat,
    e.Healed: _healed,
}
View.hearers = {"dequeue": _dequeues}
