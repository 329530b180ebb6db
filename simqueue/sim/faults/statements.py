"""Faults of statements: at their arrival, their commit, their reply, or some steps later."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from simqueue.choices import Choices, Stream
from simqueue.errors import PostgresError
from simqueue.model.choice_key import fault_key_at, parse_key
from simqueue.model.delays import RUNGS, ladder
from simqueue.model.fault import FAULTS, Fault, FaultKind, ServerError, faults_with
from simqueue.model.ids import MICROSECONDS, StatementId

STEPS = 24
"""The largest number of steps between a moment and a fault; few statements cause more steps."""

MOMENTS = ("arrival", "commit", "reply")

_AROUND_STATEMENTS = tuple(fault for fault in FAULTS if fault.around_statements)
_DISCONNECTS = faults_with("disconnect")
_REJECTS = faults_with("reject")
_SLOWS = faults_with("slow")
_HOLD_UPS = faults_with("hold-up")

_BREAKS = ("", "before it arrived", "after its commit")
_WHILE_CONNECTING = ServerError("53300", "sorry, too many clients already", breaks=True)


def durations(fault: Fault) -> tuple[int, ...]:
    """Return the ladder of microseconds that the effect of a fault can last."""
    return ladder(fault.longest_s * MICROSECONDS)


def by_fault(sqlstate: str, message: str) -> PostgresError:
    """Return an error that a fault has caused."""
    error = PostgresError(sqlstate, message)
    error.by_fault = True
    return error


class Striker(Protocol):
    """The injector, as the faults of statements see it."""

    over: bool
    kinds: frozenset[FaultKind]

    @property
    def choices(self) -> Choices:
        """The choices of the run."""

    def tell(
        self, who: str, fault: FaultKind, detail: str = "", statement: StatementId | None = None
    ) -> None:
        """Record that a fault occurs."""

    def held_up(self, until: int) -> None:
        """Note that an effect of a fault lasts until an instant."""

    def after_steps(self, count: int, name: str, strike: Callable[[], object]) -> None:
        """Call ``strike`` between two steps of a worker, after ``count`` more steps."""

    def strike_by_name(self, fault: Fault, name: str, value: int, statement: StatementId) -> None:
        """Kill, stop or pause a worker around a statement, if it is up."""


class StatementFaults:
    """The faults of the statements of one name that one task sends."""

    __slots__ = ("_injector", "_place", "_statement", "_streams", "_worker")

    def __init__(self, injector: Striker, worker: str, place: str) -> None:
        self._injector, self._worker, self._place = injector, worker, place
        self._statement = parse_key(place).words[-1]
        self._streams: dict[FaultKind, Stream] = {}

    def _pick(self, fault: Fault, n: int) -> int:
        if self._injector.over or fault.kind not in self._injector.kinds:
            return 0
        stream = self._streams.get(fault.kind)
        if stream is None:
            key = fault_key_at(self._place, fault, self._statement)
            stream = self._streams[fault.kind] = self._injector.choices.stream(key)
        return stream.deviate(n)

    def breaks(self, statement: StatementId) -> str:
        """Pick when the connection breaks: before the arrival, after the commit, or ``""``."""
        for fault in _DISCONNECTS:
            moment = _BREAKS[self._pick(fault, len(_BREAKS))]
            if moment:
                self._injector.tell(self._worker, fault.kind, moment, statement)
                return moment
        return ""

    def rejection(
        self, statement: StatementId, *, connecting: bool = False
    ) -> tuple[PostgresError, bool] | None:
        """Pick an error with which it fails, and whether the connection breaks, too.

        A client that is ``connecting`` has no transaction that could fail, so that its error is
        always that the server has too many clients.
        """
        for fault in _REJECTS:
            value = self._pick(fault, len(fault.errors) + 1)
            if value:
                error = _WHILE_CONNECTING if connecting else fault.errors[value - 1]
                self._injector.tell(self._worker, fault.kind, error.sqlstate, statement)
                return by_fault(error.sqlstate, error.message), error.breaks
        return None

    def slowness(self, statement: StatementId, now: int) -> tuple[int, int]:
        """Pick by how many microseconds it begins late, and by how many it commits late."""
        for fault in _SLOWS:
            value = self._pick(fault, 2 * RUNGS - 1)
            if value:
                late = durations(fault)[(value + 1) // 2]
                where = "to begin" if value % 2 else "to commit"
                detail = f"{late / MICROSECONDS:g} s {where}"
                self._injector.tell(self._worker, fault.kind, detail, statement)
                self._injector.held_up(now + late)
                return (late, 0) if value % 2 else (0, late)
        return 0, 0

    def hold_up(self, now: int) -> int:
        """Pick by how many microseconds the next message from the server is held up."""
        for fault in _HOLD_UPS:
            late = durations(fault)[self._pick(fault, RUNGS)]
            if late:
                self._injector.tell(self._worker, fault.kind, f"{late / MICROSECONDS:g} s")
                self._injector.held_up(now + late)
                return late
        return 0

    def aim(self, statement: StatementId) -> dict[str, list[Callable[[], None]]]:
        """Pick the faults of the worker around a statement: functions to call at each moment."""
        aimed: dict[str, list[Callable[[], None]]] = {}
        for fault in _AROUND_STATEMENTS:
            value = self._pick(fault, 1 + len(MOMENTS) * STEPS * RUNGS)
            if value:
                value -= 1
                moment = MOMENTS[value % len(MOMENTS)]
                steps = value // len(MOMENTS) % STEPS
                strike = partial(self._strike, fault, value // len(MOMENTS) // STEPS, statement)
                shoot = partial(self._injector.after_steps, steps, self._worker, strike)
                aimed.setdefault(moment, []).append(shoot)
        return aimed

    def _strike(self, fault: Fault, value: int, statement: StatementId) -> None:
        self._injector.strike_by_name(fault, self._worker, value, statement)
