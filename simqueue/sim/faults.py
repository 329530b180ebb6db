"""The injector: which faults befall whom and when, each of them a choice whose 0 is none.

Two kinds of moments can go wrong. Each statement of a worker: on its way, at its commit, at its
reply, or some steps after one of these. And each second of a worker's or the server's life.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from simqueue.choices import DISASTER, MISHAP, RUNGS, Choices, Stream, ladder
from simqueue.errors import PostgresError
from simqueue.model.events import FaultStruck, Healed
from simqueue.model.ids import FaultKind, StatementId
from simqueue.sim.handles import Timer

if TYPE_CHECKING:
    from simqueue.sim.worker import Worker
    from simqueue.sim.world import World

_SECOND_US = 1_000_000
_WITHIN_A_SECOND = ladder(_SECOND_US)
_PAUSES = ladder(90 * _SECOND_US)
_SKEWS = ladder(600 * _SECOND_US)
_SLOW = ladder(60 * _SECOND_US)
_HELD_UP = ladder(30 * _SECOND_US)
_DOWN = ladder(20 * _SECOND_US)
_RESTARTS = ladder(30 * _SECOND_US)
_STEPS = 24
"""A fault strikes so many steps after a moment at the most, which is beyond the end of most."""

_OF_WORKERS: tuple[FaultKind, ...] = ("crash", "stop", "pause")
_MISHAPS: tuple[FaultKind, ...] = ("refuse", "fail", "slow", "late-notify", "skew")
_OF_THE_SERVER: tuple[FaultKind, ...] = ("restart-server", "crash-server", "fail-over")

MOMENTS = ("arrival", "commit", "reply")

REJECTIONS: tuple[tuple[str, str, bool], ...] = (
    ("40001", "could not serialize access due to concurrent update", False),
    ("40P01", "deadlock detected", False),
    ("57014", "canceling statement due to statement timeout", False),
    ("57P01", "terminating connection due to administrator command", True),
    ("53300", "sorry, too many clients already", False),
    ("08006", "connection failure", True),
)
"""SQLSTATE, message, and whether the connection is gone with it."""

_REFUSALS = (
    ("53300", "sorry, too many clients already"),
    ("57P03", "the database system is starting up"),
    ("08001", "could not connect to server"),
)


def _class(kind: FaultKind) -> str:
    """Return what the last word of a key about a fault begins with."""
    return MISHAP if kind in _MISHAPS else DISASTER


def by_fault(sqlstate: str, message: str) -> PostgresError:
    """Return an error of which a fault is the cause."""
    error = PostgresError(sqlstate, message)
    error.by_fault = True
    return error


class Injector:
    """Strikes the faults that a run's configuration allows, until it is healed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.kinds = frozenset(world.config.faults.kinds)
        self.over = not self.kinds
        self.struck = False
        self._armed: dict[Stream, Timer] = {}
        self._calm = 0
        if not self.over:
            self.process = world.scheduler.spawn("faults")
            for kind in _OF_THE_SERVER:
                self._watch(kind, "server", partial(self._strike_server, kind))

    @property
    def choices(self) -> Choices:
        """Where every fault is picked."""
        return self._world.choices

    def heal(self) -> None:
        """End all faults: nothing strikes any more, what is paused or down comes back at once.

        What is held up on its way arrives when it would have; then the world is calm.
        """
        if self.over:
            return
        self.over = True
        world = self._world
        for timer in self._armed.values():
            timer.cancel()  # A trace does not tell of strikes that never came.
        world.server.down_until = world.scheduler.now
        for worker in world.workers.values():
            worker.recover()
        due = max(self._calm, world.scheduler.now)
        world.scheduler.post(self.process, due, self._healed)

    def _healed(self) -> None:
        self._world.recorder.append("server", Healed())

    # --- what the injector tells of ---

    def tell(
        self, who: str, fault: FaultKind, detail: str = "", statement: StatementId | None = None
    ) -> None:
        """Write down that a fault strikes."""
        self.struck = True
        self._world.recorder.append(who, FaultStruck(fault, detail, statement))

    def held_up(self, until: int) -> None:
        """Remember that something of what a fault did lasts until then."""
        self._calm = max(self._calm, until)

    # --- each second ---

    def watch(self, worker: Worker) -> None:
        """Let time bring faults to a worker."""
        if self.over:
            return
        for kind in (*_OF_WORKERS, "skew", "disconnect"):
            self._watch(kind, worker.name, partial(self._strike_worker, kind, worker))

    def _watch(self, kind: FaultKind, who: str, strike: Callable[[int], None]) -> None:
        if kind in self.kinds:
            stream = self.choices.stream(f"{who} second {_class(kind)}{kind}/second")
            self._arm(stream, self._world.scheduler.now, strike)

    def _arm(self, stream: Stream, since: int, strike: Callable[[int], None]) -> None:
        """Wait for the next second that goes wrong."""
        due = since + (stream.leap() + 1) * _SECOND_US
        if due < self._world.scheduler.limit:
            post = self._world.scheduler.post
            self._armed[stream] = post(self.process, due, self._come_due, stream, due, strike)

    def _come_due(self, stream: Stream, due: int, strike: Callable[[int], None]) -> None:
        value = stream.deviate(RUNGS * RUNGS)
        if value:
            within = _WITHIN_A_SECOND[value % RUNGS]
            self._world.scheduler.post(self.process, due + within, self._strike, strike, value)
        self._arm(stream, due, strike)

    def _strike(self, strike: Callable[[int], None], value: int) -> None:
        if not self.over:
            strike(value // RUNGS)

    def _strike_worker(self, kind: str, worker: Worker, value: int) -> None:
        if not worker.alive:
            return
        match kind:
            case "skew":
                offset = _SKEWS[1 + value // 2 % (RUNGS - 1)] * (-1 if value % 2 else 1)
                self.tell(worker.name, "skew")
                worker.set_clock(offset)
            case "disconnect":
                worker.disconnect_by_fault(value)
            case _:
                self.befall(kind, worker, value)  # type: ignore[arg-type]

    def befall(self, kind: FaultKind, worker: Worker, value: int) -> None:
        """Kill, stop or pause a worker, if it is up."""
        if not worker.alive or self.over:
            return
        self.tell(worker.name, kind)
        match kind:
            case "crash":
                worker.fell(self._restart_delay(worker))
            case "stop":
                worker.stop_by_fault(self._restart_delay(worker))
                if value % 2:
                    again = self._world.scheduler.now + _WITHIN_A_SECOND[value % RUNGS]
                    self._world.scheduler.post(
                        self.process, again, self._stop_again, worker, worker.incarnation
                    )
            case _:
                worker.pause_by_fault(_PAUSES[1 + value % (RUNGS - 1)])

    def _stop_again(self, worker: Worker, incarnation: int) -> None:
        if worker.alive and worker.incarnation == incarnation and not self.over:
            self.tell(worker.name, "stop", "once more")
            worker.terminate()

    def _restart_delay(self, worker: Worker) -> int:
        return _SECOND_US // 10 + _RESTARTS[self._pick(f"{worker.name} back", RUNGS)]

    def _pick(self, key: str, n: int) -> int:
        return self.choices.stream(key).deviate(n)

    def _strike_server(self, kind: FaultKind, value: int) -> None:
        self.tell("server", kind)
        down = _DOWN[value % RUNGS]
        server = self._world.server
        server.down_until = max(server.down_until, self._world.scheduler.now + down)
        if kind == "restart-server":
            server.restart()
        else:
            server.crash()

    # --- connecting ---

    def refusal(self, connection: str, worker: str) -> PostgresError | None:
        """Return why the server does not let a client connect, or None."""
        if self.over or "refuse" not in self.kinds:
            return None
        value = self._pick(f"{connection} {MISHAP}refuse/connect", len(_REFUSALS) + 1)
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

    def worker(self, name: str) -> Worker | None:
        """Return the worker of that name."""
        return self._world.workers.get(name)

    def after_steps(self, count: int, strike: Callable[[], object]) -> None:
        """Strike between two steps, so many from now."""
        self._world.scheduler.after_steps(count, self.process, strike)


class StatementFaults:
    """What may befall the statements of one kind that one task sends."""

    __slots__ = ("_injector", "_key", "_name", "_streams", "_worker")

    def __init__(self, injector: Injector, worker: str, key: str) -> None:
        self._injector, self._worker, self._key = injector, worker, key
        self._name = key.rpartition(" ")[2]
        self._streams: dict[FaultKind, Stream] = {}

    def _pick(self, kind: FaultKind, n: int) -> int:
        if self._injector.over or kind not in self._injector.kinds:
            return 0
        stream = self._streams.get(kind)
        if stream is None:
            stream = self._injector.choices.stream(f"{self._key} {_class(kind)}{kind}/{self._name}")
            self._streams[kind] = stream
        return stream.deviate(n)

    def breaks(self, statement: StatementId) -> str:
        """Pick when the connection breaks: before the arrival, after the commit, or ``""``."""
        which = ("", "before it arrived", "after its commit")[self._pick("disconnect", 3)]
        if which:
            self._injector.tell(self._worker, "disconnect", which, statement)
        return which

    def rejection(self, statement: StatementId) -> tuple[PostgresError, bool] | None:
        """Pick an error with which it fails, and whether the connection breaks, too."""
        value = self._pick("fail", len(REJECTIONS) + 1)
        if not value:
            return None
        sqlstate, message, breaks = REJECTIONS[value - 1]
        self._injector.tell(self._worker, "fail", sqlstate, statement)
        return by_fault(sqlstate, message), breaks

    def slowness(self, statement: StatementId, now: int) -> tuple[int, int]:
        """Pick by how many microseconds it begins late, and by how many it commits late."""
        value = self._pick("slow", 2 * RUNGS - 1)
        if not value:
            return 0, 0
        late = _SLOW[(value + 1) // 2]
        where = "to begin" if value % 2 else "to commit"
        self._injector.tell(self._worker, "slow", f"{late / _SECOND_US:g} s {where}", statement)
        self._injector.held_up(now + late)
        return (late, 0) if value % 2 else (0, late)

    def hold_up(self, now: int) -> int:
        """Pick by how many microseconds what the server sends is held up on its way."""
        late = _HELD_UP[self._pick("late-notify", RUNGS)]
        if late:
            self._injector.tell(self._worker, "late-notify", f"{late / _SECOND_US:g} s")
            self._injector.held_up(now + late)
        return late

    def aim(self) -> dict[str, list[Callable[[], None]]]:
        """Pick what befalls the worker around it: what to call at which of the ``MOMENTS``."""
        aimed: dict[str, list[Callable[[], None]]] = {}
        for kind in _OF_WORKERS:
            value = self._pick(kind, 1 + len(MOMENTS) * _STEPS * RUNGS)
            if value:
                value -= 1
                moment = MOMENTS[value % len(MOMENTS)]
                steps = value // len(MOMENTS) % _STEPS
                strike = partial(self._strike, kind, value // len(MOMENTS) // _STEPS)
                shoot = partial(self._injector.after_steps, steps, strike)
                aimed.setdefault(moment, []).append(shoot)
        return aimed

    def _strike(self, kind: FaultKind, value: int) -> None:
        worker = self._injector.worker(self._worker)
        if worker is not None:
            self._injector.befall(kind, worker, value)
