"""Uses of a pool: who holds its connections and who waits for one, told when none is left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from simqueue.model.events import HandlerStarted, PoolExhausted, PoolServed, PoolUse
from simqueue.model.ids import MICROSECONDS
from simqueue.sim.database.connection import SimulatedConnection
from simqueue.sim.kernel.causes import CAUSE
from simqueue.sim.kernel.recorder import Recorder

_LONG_US = MICROSECONDS
"""So long a pool has to have none to give before that is worth an event."""


class PoolUses:
    """The uses of one pool of ``size`` connections."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: dict[SimulatedConnection, PoolUse] = {}
        self._waiters = 0

    def take(self, connection: SimulatedConnection, statement: str, place: str) -> None:
        """Note who holds a connection from now on."""
        self._held[connection] = _use(connection.recorder, statement, place)

    def leave(self, connection: SimulatedConnection) -> None:
        """Note that a connection is nobody's any more."""
        self._held.pop(connection, None)

    @contextmanager
    def waiting(self, statement: str, place: str) -> Iterator[None]:
        """Tell of who has to wait meanwhile, if the pool has had nothing to give for long."""
        told = self._tell(statement, place)
        self._waiters += 1
        try:
            yield
        finally:
            self._waiters -= 1
        if told is not None:
            recorder, waiter = told
            recorder.say(PoolServed(waiter), CAUSE.get())

    def _tell(self, statement: str, place: str) -> tuple[Recorder, PoolUse] | None:
        """Write down who waits and who holds what; None if connections still change hands."""
        holders = list(self._held.items())
        if len(holders) < self._size:
            return None
        recorder = holders[0][0].recorder
        if any(recorder.now - use.since < _LONG_US for _, use in holders):
            return None
        waiter = _use(recorder, statement, place)
        uses = tuple(use for _, use in holders)
        recorder.say(PoolExhausted(self._size, waiter, uses, self._waiters), CAUSE.get())
        return recorder, waiter


def _use(recorder: Recorder, statement: str, place: str) -> PoolUse:
    """Return who asks for a connection now: the handler that runs, or PgQueuer."""
    cause, since = CAUSE.get(), recorder.now
    started = None if cause is None else recorder.entries[cause].event
    if not isinstance(started, HandlerStarted):
        return PoolUse(since, statement, place)
    of = started.entrypoint, started.job_id, started.schedule_id
    return PoolUse(since, statement, place, *of)
