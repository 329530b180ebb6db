"""The injector: which faults befall whom and when, each of them a choice whose 0 is none.

Two kinds of moments can go wrong: each second of a worker's or the server's life, and each
statement of a worker (``statement_faults``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from simqueue.choices import EACH_SECOND, MISHAP, OPTIONS_OF_A_SECOND, Choices, Stream
from simqueue.errors import PostgresError
from simqueue.model.choice import key_of
from simqueue.model.delays import RUNGS, ladder
from simqueue.model.events import FaultStruck, Healed
from simqueue.model.ids import FaultKind, StatementId
from simqueue.sim.database.server import Server
from simqueue.sim.faults.statements import OF_WORKERS, StatementFaults, by_fault, class_of
from simqueue.sim.kernel.core import Core
from simqueue.sim.kernel.handles import Timer
from simqueue.sim.kernel.process import Process

_SECOND_US = 1_000_000
_WITHIN_A_SECOND = ladder(_SECOND_US)
_PAUSES = ladder(90 * _SECOND_US)
_SKEWS = ladder(600 * _SECOND_US)
_DOWN = ladder(20 * _SECOND_US)
_RESTARTS = ladder(30 * _SECOND_US)

_OF_THE_SERVER: tuple[FaultKind, ...] = ("restart-server", "crash-server", "fail-over")

_REFUSALS = (
    ("53300", "sorry, too many clients already"),
    ("57P03", "the database system is starting up"),
    ("08001", "could not connect to server"),
)


class Victim(Protocol):
    """A worker, as faults see it."""

    name: str
    incarnation: int
    process: Process | None

    @property
    def alive(self) -> bool:
        """Whether the process runs at this moment."""

    def fell(self) -> None:
        """Kill the process, which comes back."""

    def stop_by_fault(self) -> None:
        """Ask the process to end; it comes back when it has."""

    def terminate(self) -> None:
        """Send SIGTERM."""

    def pause_by_fault(self, microseconds: int) -> None:
        """Let nothing of the process run for so long."""

    def drift_by_fault(self, microseconds: int) -> None:
        """Let the wall clock be so far from where the scenario has set it."""

    def disconnect_by_fault(self, which: int) -> None:
        """Break one of the process's connections that is whole."""

    def recover(self) -> None:
        """Come out of what faults have done."""


class Injector:
    """Strikes the faults that a run's configuration allows, until it is healed."""

    def __init__(self, core: Core, server: Server, workers: Mapping[str, Victim]) -> None:
        self._core, self._server, self._workers = core, server, workers
        self.kinds = frozenset(core.config.faults.kinds)
        self.over = not self.kinds
        self.struck = False
        self._armed: dict[Stream, Timer] = {}
        self._calm = 0
        if not self.over:
            self.process = core.scheduler.spawn("faults")
            for kind in _OF_THE_SERVER:
                self._watch(kind, "server", partial(self._strike_server, kind))

    @property
    def troubled(self) -> bool:
        """Whether a fault has struck, or the scenario has held something up as one does."""
        return self.struck or self._core.disturbed

    @property
    def choices(self) -> Choices:
        """Where every fault is picked."""
        return self._core.choices

    def heal(self) -> None:
        """End all faults: nothing strikes any more, what is paused or down comes back at once.

        What is held up on its way arrives when it would have; then the world is calm.
        """
        if self.over:
            return
        self.over = True
        scheduler = self._core.scheduler
        for timer in self._armed.values():
            timer.cancel()  # A trace does not tell of strikes that never came.
        self._server.down_until = scheduler.now
        for worker in self._workers.values():
            worker.recover()
        due = max(self._calm, scheduler.now)
        scheduler.post(self.process, due, self._healed)

    def _healed(self) -> None:
        self._core.recorder.append("server", Healed())

    # --- what the injector tells of ---

    def tell(
        self, who: str, fault: FaultKind, detail: str = "", statement: StatementId | None = None
    ) -> None:
        """Write down that a fault strikes."""
        self.struck = True
        self._core.recorder.append(who, FaultStruck(fault, detail, statement))

    def held_up(self, until: int) -> None:
        """Remember that something of what a fault did lasts until then."""
        self._calm = max(self._calm, until)

    # --- each second ---

    def watch(self, worker: Victim) -> None:
        """Let time bring faults to a worker."""
        if self.over:
            return
        for kind in (*OF_WORKERS, "skew", "disconnect"):
            self._watch(kind, worker.name, partial(self._strike_worker, kind, worker))

    def _watch(self, kind: FaultKind, who: str, strike: Callable[[int], None]) -> None:
        if kind in self.kinds:
            stream = self.choices.stream(
                key_of(who, "second", f"{class_of(kind)}{kind}{EACH_SECOND}")
            )
            self._arm(stream, self._core.scheduler.now, strike)

    def _arm(self, stream: Stream, since: int, strike: Callable[[int], None]) -> None:
        """Wait for the next second that goes wrong."""
        due = since + (stream.leap() + 1) * _SECOND_US
        if due < self._core.scheduler.limit:
            post = self._core.scheduler.post
            self._armed[stream] = post(self.process, due, self._come_due, stream, due, strike)

    def _come_due(self, stream: Stream, due: int, strike: Callable[[int], None]) -> None:
        value = stream.deviate(OPTIONS_OF_A_SECOND)
        if value:
            within = _WITHIN_A_SECOND[value % RUNGS]
            self._core.scheduler.post(self.process, due + within, self._strike, strike, value)
        self._arm(stream, due, strike)

    def _strike(self, strike: Callable[[int], None], value: int) -> None:
        if not self.over:
            strike(value // RUNGS)

    def _strike_worker(self, kind: FaultKind, worker: Victim, value: int) -> None:
        if not worker.alive:
            return
        match kind:
            case "skew":
                offset = _SKEWS[1 + value // 2 % (RUNGS - 1)] * (-1 if value % 2 else 1)
                self.tell(worker.name, "skew")
                worker.drift_by_fault(offset)
            case "disconnect":
                worker.disconnect_by_fault(value)
            case _:
                self.befall(kind, worker, value)

    def befall(
        self, kind: FaultKind, worker: Victim, value: int, statement: StatementId | None = None
    ) -> None:
        """Kill, stop or pause a worker, if it is up, around a ``statement`` or just so."""
        if not worker.alive or self.over:
            return
        self.tell(worker.name, kind, statement=statement)
        match kind:
            case "crash":
                worker.fell()
            case "stop":
                worker.stop_by_fault()
                if value % 2:
                    again = self._core.scheduler.now + _WITHIN_A_SECOND[value % RUNGS]
                    self._core.scheduler.post(
                        self.process, again, self._stop_again, worker, worker.incarnation
                    )
            case _:
                worker.pause_by_fault(_PAUSES[1 + value % (RUNGS - 1)])

    def _stop_again(self, worker: Victim, incarnation: int) -> None:
        if worker.alive and worker.incarnation == incarnation and not self.over:
            self.tell(worker.name, "stop", "once more")
            worker.terminate()

    def comeback_delay(self, name: str) -> int | None:
        """Pick after how many microseconds a worker comes back that a fault has ended.

        None: a run that is to suffer no faults has nobody who would start it.
        """
        if not self.kinds:
            return None
        return _SECOND_US // 10 + _RESTARTS[self._pick(key_of(name, "back"), RUNGS)]

    def _pick(self, key: str, n: int) -> int:
        return self.choices.stream(key).deviate(n)

    def _strike_server(self, kind: FaultKind, value: int) -> None:
        self.tell("server", kind)
        down = _DOWN[value % RUNGS]
        server = self._server
        server.down_until = max(server.down_until, self._core.scheduler.now + down)
        if kind == "restart-server":
            server.restart()
        else:
            server.crash()

    # --- connecting ---

    def refusal(self, connection: str, worker: str) -> PostgresError | None:
        """Return why the server does not let a client connect, or None."""
        if self.over or "refuse" not in self.kinds:
            return None
        value = self._pick(key_of(connection, f"{MISHAP}refuse/connect"), len(_REFUSALS) + 1)
        if not value:
            return None
        sqlstate, message = _REFUSALS[value - 1]
        self.tell(worker, "refuse", sqlstate)
        return by_fault(sqlstate, message)

    # --- statements ---

    def of_statement(self, worker: str, key: str) -> StatementFaults | None:
        """Return the faults of one kind of statement of one task, or None if there are none."""
        if self.over:
            return None
        return StatementFaults(self, worker, key)

    def befall_by_name(
        self, kind: FaultKind, name: str, value: int, statement: StatementId
    ) -> None:
        """Kill, stop or pause a worker around a statement, if it is up."""
        worker = self._workers.get(name)
        if worker is not None:
            self.befall(kind, worker, value, statement)

    def after_steps(self, count: int, name: str, strike: Callable[[], object]) -> None:
        """Strike a worker between two of its steps, so many of them from now."""
        worker = self._workers.get(name)
        if worker is not None and worker.process is not None:
            self._core.scheduler.after_steps(count, worker.process, self.process, strike)
