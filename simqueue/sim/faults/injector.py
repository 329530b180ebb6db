"""The injector: each fault is a choice; its value 0 means that the fault does not occur.

A fault can occur in each second of a worker's or the server's life, and at each statement of a
worker (``statements``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol, assert_never

from simqueue.choices import OPTIONS_OF_A_SECOND, Choices, Stream
from simqueue.errors import PostgresError
from simqueue.model.choice_key import SECOND, fault_key_at, key_of, place_of
from simqueue.model.delays import RUNGS, ladder
from simqueue.model.events import FaultStruck, Healed
from simqueue.model.fault import FAULTS, Fault, FaultKind, faults_with
from simqueue.model.ids import MICROSECONDS, StatementId
from simqueue.sim.database.server import Server
from simqueue.sim.faults.statements import StatementFaults, by_fault, durations
from simqueue.sim.kernel.core import Core
from simqueue.sim.kernel.handles import Timer
from simqueue.sim.kernel.process import Process

_WITHIN_A_SECOND = ladder(MICROSECONDS)
_RESTARTS = ladder(30 * MICROSECONDS)

_OF_THE_SERVER = tuple(each for each in FAULTS if each.subject == "server")
_OF_WORKERS = tuple(each for each in FAULTS if each.each_second and each.subject != "server")
_REFUSALS = faults_with("refuse")


class Victim(Protocol):
    """A worker, as faults see it."""

    name: str
    incarnation: int
    process: Process | None

    @property
    def alive(self) -> bool:
        """Whether the process runs at this moment."""

    def fell(self) -> None:
        """Kill the process; it starts again later."""

    def stop_by_fault(self) -> None:
        """Send SIGTERM to the process, which starts again after its end."""

    def terminate(self) -> None:
        """Send SIGTERM."""

    def pause_by_fault(self, microseconds: int) -> None:
        """Let nothing of the process run for ``microseconds``."""

    def drift_by_fault(self, microseconds: int) -> None:
        """Set the wall clock ``microseconds`` ahead of where the scenario has set it."""

    def disconnect_by_fault(self, which: int, kind: FaultKind) -> None:
        """Break one of the process's connections that is whole, and record the fault if any is."""

    def recover(self) -> None:
        """Undo what faults have done."""


class Injector:
    """Injects the faults that a run's configuration allows, until it is healed."""

    def __init__(self, core: Core, server: Server, workers: Mapping[str, Victim]) -> None:
        self._core, self._server, self._workers = core, server, workers
        self.kinds = frozenset(core.config.faults.kinds)
        self.over = not self.kinds
        self.struck = False
        self._armed: dict[Stream, Timer] = {}
        self._calm = 0
        if not self.over:
            self.process = core.scheduler.spawn("faults")
            for fault in _OF_THE_SERVER:
                self._watch(fault, "server", partial(self._strike_server, fault))

    @property
    def troubled(self) -> bool:
        """Whether a fault has occurred, or the scenario has held something up as a fault does."""
        return self.struck or self._core.disturbed

    @property
    def choices(self) -> Choices:
        """The choices of the run."""
        return self._core.choices

    def heal(self) -> None:
        """End all faults: no more occur, and whatever is paused or down comes back at once.

        Messages that are held up still arrive late; after the last one the world is calm.
        """
        if self.over:
            return
        self.over = True
        scheduler = self._core.scheduler
        for timer in self._armed.values():
            timer.cancel()  # A trace must not hold faults that never occurred.
        self._server.down_until = scheduler.now
        for worker in self._workers.values():
            worker.recover()
        due = max(self._calm, scheduler.now)
        scheduler.post(self.process, due, self._healed)

    def _healed(self) -> None:
        self._core.recorder.append("server", Healed())

    # --- the record of faults ---

    def tell(
        self, who: str, fault: FaultKind, detail: str = "", statement: StatementId | None = None
    ) -> None:
        """Record that a fault occurs."""
        self.struck = True
        self._core.recorder.append(who, FaultStruck(fault, detail, statement))

    def held_up(self, until: int) -> None:
        """Note that an effect of a fault lasts until an instant."""
        self._calm = max(self._calm, until)

    # --- each second ---

    def watch(self, worker: Victim) -> None:
        """Let faults occur in each second of a worker's life."""
        if self.over:
            return
        for fault in _OF_WORKERS:
            self._watch(fault, worker.name, partial(self._strike_worker, fault, worker))

    def _watch(self, fault: Fault, subject: str, strike: Callable[[int], None]) -> None:
        if fault.kind in self.kinds:
            stream = self.choices.stream(fault_key_at(place_of(subject, SECOND), fault, SECOND))
            self._arm(stream, self._core.scheduler.now, strike)

    def _arm(self, stream: Stream, since: int, strike: Callable[[int], None]) -> None:
        """Wait for the next second in which the fault occurs."""
        due = since + (stream.leap() + 1) * MICROSECONDS
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

    def _strike_worker(
        self, fault: Fault, worker: Victim, value: int, statement: StatementId | None = None
    ) -> None:
        """Inject a fault into a worker, if it is up, around a ``statement`` or without one."""
        if not worker.alive or self.over:
            return
        if fault.effect != "disconnect":  # a worker may have no connection that could break
            self.tell(worker.name, fault.kind, statement=statement)
        match fault.effect:
            case "kill":
                worker.fell()
            case "stop":
                worker.stop_by_fault()
                self._perhaps_stop_again(fault, worker, value)
            case "pause":
                worker.pause_by_fault(_length(fault, value))
            case "set-clock":
                direction = -1 if value % 2 else 1
                worker.drift_by_fault(direction * _length(fault, value // 2))
            case "disconnect":
                worker.disconnect_by_fault(value, fault.kind)
            case "refuse" | "reject" | "slow" | "hold-up" | "restart-server" | "crash-server":
                raise AssertionError(f"{fault.kind} is no fault of a worker's second")
            case effect:
                assert_never(effect)

    def _perhaps_stop_again(self, fault: Fault, worker: Victim, value: int) -> None:
        if value % 2:
            again = self._core.scheduler.now + _WITHIN_A_SECOND[value % RUNGS]
            self._core.scheduler.post(
                self.process, again, self._stop_again, fault, worker, worker.incarnation
            )

    def _stop_again(self, fault: Fault, worker: Victim, incarnation: int) -> None:
        if worker.alive and worker.incarnation == incarnation and not self.over:
            self.tell(worker.name, fault.kind, "once more")
            worker.terminate()

    def comeback_delay(self, name: str) -> int | None:
        """Pick after how many microseconds a worker comes back that a fault has ended.

        None: a run without faults does not start it again.
        """
        if not self.kinds:
            return None
        return MICROSECONDS // 10 + _RESTARTS[self._pick(key_of(name, kind="back"), RUNGS)]

    def _pick(self, key: str, n: int) -> int:
        return self.choices.stream(key).deviate(n)

    def _strike_server(self, fault: Fault, value: int) -> None:
        self.tell("server", fault.kind)
        down = durations(fault)[value % RUNGS]
        server = self._server
        server.down_until = max(server.down_until, self._core.scheduler.now + down)
        match fault.effect:
            case "restart-server":
                server.restart()
            case "crash-server":
                server.crash()
            case (
                "kill" | "stop" | "pause" | "set-clock" | "disconnect"
                | "refuse" | "reject" | "slow" | "hold-up"
            ):  # fmt: skip
                raise AssertionError(f"{fault.kind} is no fault of the server's")
            case effect:
                assert_never(effect)

    # --- connecting ---

    def refusal(self, connection: str, worker: str) -> PostgresError | None:
        """Return the error with which the server refuses a client, or None."""
        for fault in _REFUSALS:
            if self.over or fault.kind not in self.kinds:
                continue
            key = fault_key_at(place_of(connection), fault, "connect")
            value = self._pick(key, len(fault.errors) + 1)
            if value:
                error = fault.errors[value - 1]
                self.tell(worker, fault.kind, error.sqlstate)
                return by_fault(error.sqlstate, error.message)
        return None

    # --- statements ---

    def of_statement(self, worker: str, key: str) -> StatementFaults | None:
        """Return the faults of one kind of statement of one task, or None if there are none."""
        if self.over:
            return None
        return StatementFaults(self, worker, key)

    def strike_by_name(self, fault: Fault, name: str, value: int, statement: StatementId) -> None:
        """Kill, stop or pause a worker around a statement, if it is up."""
        worker = self._workers.get(name)
        if worker is not None:
            self._strike_worker(fault, worker, value, statement)

    def after_steps(self, count: int, name: str, strike: Callable[[], object]) -> None:
        """Call ``strike`` between two steps of a worker, after ``count`` more steps."""
        worker = self._workers.get(name)
        if worker is not None and worker.process is not None:
            self._core.scheduler.after_steps(count, worker.process, self.process, strike)


def _length(fault: Fault, value: int) -> int:
    """Return a length of at least one rung, in microseconds."""
    return durations(fault)[1 + value % (RUNGS - 1)]
