"""listens-again: a worker that has lost its LISTEN listens again, or ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from simqueue.check.idle import Idle
from simqueue.check.invariant import Broken
from simqueue.check.owed import Liveness, Owed, latency, moment
from simqueue.check.view import View, WorkerView
from simqueue.check.wording import seconds
from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.explanation import Explanation
from simqueue.model.fault import faults_with
from simqueue.model.ids import Duration, Instant

_NEVER = Instant(-1)
_MINUTE = Duration(60_000_000)
"""How long a worker may take, beside its ``dequeue_timeout``.

PgQueuer checks its listener every 10 s and gives each check 10 s, so it knows of the loss after
20 s. The rest is for backing off before it connects again.
"""
_STATEMENTS = 20
"""How many statements a worker sends, at most, on its way to listen again or to end."""
_WAITED_FOR = Duration(600_000_000)
"""For how long a run goes on after its scenario to see whether a worker listens again."""
_BREAKING = frozenset(
    fault.kind for effect in ("disconnect", "reject") for fault in faults_with(effect)
)
"""The faults of a worker that break one of its connections."""


@dataclass(slots=True)
class _Loss:
    """The moment since which no connection of a worker listens; ``how`` says why.

    ``reported`` says that it was found to be a violation, which is once enough.
    """

    at: Instant
    how: str
    reported: bool = False


@dataclass(slots=True)
class _Ears:
    """The connections with which a worker listens to its manager's channel.

    ``silenced`` is the one that stopped listening last, and when. ``refused`` is when the server
    last did not let the worker connect, ``picked`` when it last claimed a job. ``in_vain`` says
    that its last dequeue claimed nothing so far; None: it has not sent one since the loss.
    """

    channel: str = ""
    connections: set[str] = field(default_factory=set)
    silenced: tuple[str, Instant] | None = None
    loss: _Loss | None = None
    refused: Instant = _NEVER
    picked: Instant = _NEVER
    in_vain: bool | None = None


class ListensAgain(Liveness):
    """Follows with which connections each worker listens, and judges how long it is deaf.

    A worker that connects again needs a moment for it. With ``shutdown_on_listener_failure=True``
    PgQueuer ends: after a failed check of its listener, when the main loop comes round, which it
    does every ``dequeue_timeout``. A worker with one connection ends, as its next statement fails.
    PgQueuer's ``AsyncpgPoolDriver`` takes one connection out of the pool to listen with and keeps
    it, also when it is broken (1.0 to 1.6.0), while all statements go over others: such a worker
    stays deaf (``pool``).

    The time counts from the loss, or from when the world was calm, the worker's last stall was
    over, or the server last refused it a connection. A worker may be about to end while a handler
    still runs, or after it found jobs: it checks its listener only after a dequeue that claims
    nothing. That excuse ends with the next dequeue, which a worker that ends does not send.
    """

    name: ClassVar[str] = "listens-again"
    explanation: ClassVar[Explanation] = Explanation(
        name=name,
        subject="invariant",
        meaning=(
            "A worker that has lost its LISTEN listens again, or ends, within a minute and its "
            "`dequeue_timeout`."
        ),
        reason=(
            "A worker without LISTEN hears neither of new jobs, which wait for its next poll, nor "
            "of cancellations, which it never learns of. One that ends is started again by its "
            "supervisor."
        ),
        no_violation=(
            "A worker that was asked to stop, which is judged by `run-ends`. Drain mode, in which "
            "a worker ends when the queue is empty and PgQueuer does not check its listener. A "
            "worker of which another connection still listens. Time while faults are active, the "
            "worker is held up, or the server refuses its connection does not count."
        ),
        advice=(
            "`pool` means that the worker uses a pool of connections: PgQueuer's "
            "`AsyncpgPoolDriver` keeps the broken connection (1.0 to 1.6.0). Set "
            "`shutdown_on_listener_failure=True` and let a supervisor start the worker again."
        ),
    )
    sees: ClassVar[tuple[type, ...]] = (
        e.Listening, e.ConnectionLost, e.ConnectionRefused, e.FaultStruck, e.ServerRestarted,
        e.ServerCrashed, e.JobPicked, e.WorkerStopping, e.WorkerExited, e.WorkerCrashed,
    )  # fmt: skip
    hears: ClassVar[tuple[str, ...]] = ("dequeue",)

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._idle = Idle.of(view)
        self._slack = latency(view.config, _STATEMENTS)
        self._ears: dict[WorkerView, _Ears] = {}
        self._deaf: dict[WorkerView, _Ears] = {}
        """Those of ``_ears`` with a loss."""
        self._blows: dict[str, tuple[Instant, str]] = {}
        """By worker or server, what last broke connections, and when."""

    def see(self, entry: Entry) -> Broken | None:
        """Track which workers listen; judge a loss when it is over, and at dequeues."""
        event = entry.event
        match event:  # partial: only the events that it sees
            case e.StatementSent():
                # One with a cause is a handler's own, and says nothing of the manager's loop.
                return self._dequeues(entry) if self._deaf and entry.cause is None else None
            case e.JobPicked():
                self._picks(entry)
            case e.ConnectionLost(connection):
                self._loses(entry, connection)
            case e.ConnectionRefused():
                self._is_refused(entry)
            case e.FaultStruck(fault):
                if fault in _BREAKING:
                    self._blows[entry.worker] = entry.at, f"an injected fault ({fault}) broke"
            case e.ServerRestarted():
                self._blows["server"] = entry.at, "a restart of the server broke"
            case e.ServerCrashed():
                self._blows["server"] = entry.at, "a crash of the server broke"
            case e.Listening():
                return self._listening(entry, event)
            case _:
                return self._is_over(entry) if self._deaf else None
        return None

    # --- the workers that listen ---

    def _listening(self, entry: Entry, event: e.Listening) -> Broken | None:
        worker = self.view.workers.get(entry.worker)
        if worker is None:
            return None
        ears = self._ears.setdefault(worker, _Ears())
        if not event.on:
            if event.channel == ears.channel and event.connection in ears.connections:
                ears.connections.discard(event.connection)
                ears.silenced = event.connection, entry.at
            return None
        if not self._is_managers(worker, ears, event.channel):
            return None
        broken = self._is_over(entry)
        if event.channel != ears.channel:
            ears.channel, ears.connections = event.channel, set()
        ears.connections.add(event.connection)
        ears.loss = None
        self._deaf.pop(worker, None)
        return broken

    def _is_managers(self, worker: WorkerView, ears: _Ears, channel: str) -> bool:
        """Return whether a channel is the one that the worker's manager listens to.

        That is the one of PgQueuer's settings, or else the first after the worker was ready.
        """
        if channel in {ears.channel, self.view.tables.names.channel}:
            return True
        return not ears.channel and worker.ready is not None

    def _loses(self, entry: Entry, connection: str) -> None:
        worker = self.view.workers.get(entry.worker)
        ears = None if worker is None else self._ears.get(worker)
        if worker is None or ears is None:
            return
        if connection not in ears.connections and ears.silenced != (connection, entry.at):
            return
        ears.connections.discard(connection)
        if not ears.connections and ears.loss is None:
            how = f"{self._blow(entry)} its connection {connection}"
            ears.loss, ears.in_vain = _Loss(entry.at, how), None
            self._deaf[worker] = ears

    def _blow(self, entry: Entry) -> str:
        """Return the cause of the broken connection at this moment, as the message words it."""
        for name in ("server", entry.worker):
            at, blow = self._blows.get(name, (_NEVER, ""))
            if at == entry.at:
                return blow
        return "it lost"

    def _is_refused(self, entry: Entry) -> None:
        worker = self.view.workers.get(entry.worker)
        if worker is not None and worker in self._deaf:
            self._deaf[worker].refused = entry.at

    # --- a worker that goes on ---

    def _picks(self, entry: Entry) -> None:
        worker = self.view.workers.get(entry.worker) if self._deaf else None
        if worker is not None and worker in self._deaf:
            self._deaf[worker].picked, self._deaf[worker].in_vain = entry.at, False

    def _dequeues(self, entry: Entry) -> Broken | None:
        """Judge a worker that dequeues: one that is about to end stops after an empty dequeue."""
        worker = self.view.workers.get(entry.worker)
        ears = None if worker is None else self._deaf.get(worker)
        if worker is None or ears is None or ears.loss is None:
            return None
        in_vain, ears.in_vain = ears.in_vain, True
        begin = self._begin(worker, ears, ears.loss)
        if not in_vain or begin is None or entry.at <= self._due(worker, begin):
            return None
        ears.loss.reported = True
        return self._broken(worker, ears, ears.loss, entry.at - begin)

    def _is_over(self, entry: Entry) -> Broken | None:
        """Judge how long a worker was deaf, when that is over or the worker is asked to stop."""
        worker = self.view.workers.get(entry.worker)
        owed = None if worker is None else self._owed(worker, entry.at)
        broken = owed.broken() if owed is not None and entry.at > owed.due else None
        if worker is not None and isinstance(entry.event, e.WorkerExited | e.WorkerCrashed):
            self._deaf.pop(worker, None)
        return broken

    # --- what is due ---

    def owed(self, now: Instant) -> Iterator[Owed]:
        """Yield the workers that are deaf and do not seem about to end."""
        for worker in self._deaf:
            owed = self._owed(worker, now)
            if owed is not None:
                yield owed

    def due(self, now: Instant) -> Instant | None:
        """As in other invariants, but a long ``dequeue_timeout`` does not prolong a run."""
        dues = (owed.due for owed in self.owed(now))
        return max((due for due in dues if due <= now + _WAITED_FOR), default=None)

    def _owed(self, worker: WorkerView, at: Instant) -> Owed | None:
        ears = self._deaf.get(worker)
        loss = None if ears is None else ears.loss
        begin = None if ears is None or loss is None else self._begin(worker, ears, loss)
        if ears is None or loss is None or begin is None or self.view.runs(worker):
            return None
        idle = max(begin, ears.picked, self._idle.busy(worker.name))

        def broken() -> Broken:
            return self._broken(worker, ears, loss, at - begin)

        return Owed(self._due(worker, idle), broken)

    def _begin(self, worker: WorkerView, ears: _Ears, loss: _Loss) -> Instant | None:
        """Return since when a deaf worker could have listened again; None if it need not."""
        calm = self.view.calm_since
        if calm is None or loss.reported or worker.drain or worker.ready is None:
            return None
        if not worker.alive or worker.stopping is not None:
            return None
        return max(loss.at, calm, ears.refused, self._idle.stalled(worker.name))

    def _due(self, worker: WorkerView, begin: Instant) -> Instant:
        return Instant(begin + _MINUTE + worker.dequeue_timeout + self._slack)

    def _broken(self, worker: WorkerView, ears: _Ears, loss: _Loss, deaf: int) -> Broken:
        return Broken(
            f"{worker} stopped listening to {ears.channel} at {moment(loss.at)}, when {loss.how}, "
            f"and for {seconds(deaf)} it has neither listened again nor ended",
            "pool" if worker.pooled else "",
        )
