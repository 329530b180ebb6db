"""What befalls a statement: on its way, at its commit, at its reply, or some steps after one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from simqueue.choices import DISASTER, MISHAP, Choices, Stream
from simqueue.errors import PostgresError
from simqueue.model.delays import RUNGS, ladder
from simqueue.model.ids import MICROSECONDS, FaultKind, StatementId

_SLOW = ladder(60 * MICROSECONDS)
_HELD_UP = ladder(30 * MICROSECONDS)
STEPS = 24
"""A fault strikes so many steps after a moment at the most, which is beyond the end of most."""

OF_WORKERS: tuple[FaultKind, ...] = ("crash", "stop", "pause")
_MISHAPS: tuple[FaultKind, ...] = ("refuse", "fail", "slow", "late-notify", "skew")

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

_REFUSED = ("53300", "sorry, too many clients already", True)


def class_of(kind: FaultKind) -> str:
    """Return what the last word of a key about a fault begins with."""
    return MISHAP if kind in _MISHAPS else DISASTER


def by_fault(sqlstate: str, message: str) -> PostgresError:
    """Return an error of which a fault is the cause."""
    error = PostgresError(sqlstate, message)
    error.by_fault = True
    return error


class Striker(Protocol):
    """Whoever carries out what is picked here."""

    over: bool
    kinds: frozenset[FaultKind]

    @property
    def choices(self) -> Choices:
        """Where every fault is picked."""

    def tell(
        self, who: str, fault: FaultKind, detail: str = "", statement: StatementId | None = None
    ) -> None:
        """Write down that a fault strikes."""

    def held_up(self, until: int) -> None:
        """Remember that something of what a fault did lasts until then."""

    def after_steps(self, count: int, name: str, strike: Callable[[], object]) -> None:
        """Strike a worker between two of its steps, so many of them from now."""

    def befall_by_name(
        self, kind: FaultKind, name: str, value: int, statement: StatementId
    ) -> None:
        """Kill, stop or pause a worker around a statement, if it is up."""


class StatementFaults:
    """What may befall the statements of one kind that one task sends."""

    __slots__ = ("_injector", "_key", "_name", "_streams", "_worker")

    def __init__(self, injector: Striker, worker: str, key: str) -> None:
        self._injector, self._worker, self._key = injector, worker, key
        self._name = key.rpartition(" ")[2]
        self._streams: dict[FaultKind, Stream] = {}

    def _pick(self, kind: FaultKind, n: int) -> int:
        if self._injector.over or kind not in self._injector.kinds:
            return 0
        stream = self._streams.get(kind)
        if stream is None:
            stream = self._injector.choices.stream(
                f"{self._key} {class_of(kind)}{kind}/{self._name}"
            )
            self._streams[kind] = stream
        return stream.deviate(n)

    def breaks(self, statement: StatementId) -> str:
        """Pick when the connection breaks: before the arrival, after the commit, or ``""``."""
        which = ("", "before it arrived", "after its commit")[self._pick("disconnect", 3)]
        if which:
            self._injector.tell(self._worker, "disconnect", which, statement)
        return which

    def rejection(
        self, statement: StatementId, *, connecting: bool = False
    ) -> tuple[PostgresError, bool] | None:
        """Pick an error with which it fails, and whether the connection breaks, too.

        Nobody who is ``connecting`` is told of a transaction, and is let in afterwards.
        """
        value = self._pick("fail", len(REJECTIONS) + 1)
        if not value:
            return None
        sqlstate, message, breaks = _REFUSED if connecting else REJECTIONS[value - 1]
        self._injector.tell(self._worker, "fail", sqlstate, statement)
        return by_fault(sqlstate, message), breaks

    def slowness(self, statement: StatementId, now: int) -> tuple[int, int]:
        """Pick by how many microseconds it begins late, and by how many it commits late."""
        value = self._pick("slow", 2 * RUNGS - 1)
        if not value:
            return 0, 0
        late = _SLOW[(value + 1) // 2]
        where = "to begin" if value % 2 else "to commit"
        self._injector.tell(self._worker, "slow", f"{late / MICROSECONDS:g} s {where}", statement)
        self._injector.held_up(now + late)
        return (late, 0) if value % 2 else (0, late)

    def hold_up(self, now: int) -> int:
        """Pick by how many microseconds what the server sends is held up on its way."""
        late = _HELD_UP[self._pick("late-notify", RUNGS)]
        if late:
            self._injector.tell(self._worker, "late-notify", f"{late / MICROSECONDS:g} s")
            self._injector.held_up(now + late)
        return late

    def aim(self, statement: StatementId) -> dict[str, list[Callable[[], None]]]:
        """Pick what befalls the worker around a statement: what to call at which moment."""
        aimed: dict[str, list[Callable[[], None]]] = {}
        for kind in OF_WORKERS:
            value = self._pick(kind, 1 + len(MOMENTS) * STEPS * RUNGS)
            if value:
                value -= 1
                moment = MOMENTS[value % len(MOMENTS)]
                steps = value // len(MOMENTS) % STEPS
                strike = partial(self._strike, kind, value // len(MOMENTS) // STEPS, statement)
                shoot = partial(self._injector.after_steps, steps, self._worker, strike)
                aimed.setdefault(moment, []).append(shoot)
        return aimed

    def _strike(self, kind: FaultKind, value: int, statement: StatementId) -> None:
        self._injector.befall_by_name(kind, self._worker, value, statement)
