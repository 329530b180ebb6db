"""Uses of a pool: which tasks hold its connections and which wait, recorded when none is left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from simqueue.model.events import HandlerStarted, PoolExhausted, PoolServed, PoolUse
from simqueue.model.ids import MICROSECONDS
from simqueue.sim.database.connection import SimulatedConnection
from simqueue.sim.kernel.causes import CAUSE
from simqueue.sim.kernel.recorder import Recorder

_LONG_US = MICROSECONDS
"""How long a pool must have no free connection before that is recorded."""


class PoolUses:
    """The uses of one pool of ``size`` connections."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: dict[SimulatedConnection, PoolUse] = {}
        self._waiters = 0

    def take(self, connection: SimulatedConnection, statement: str, place: str) -> None:
        """Note the holder of a connection."""
        self._held[connection] = _use(connection.recorder, statement, place)

    def leave(self, connection: SimulatedConnection) -> None:
        """Note that a connection was given back."""
        self._held.pop(connection, None)

    @contextmanager
    def waiting(self, statement: str, place: str) -> Iterator[None]:
        """While a caller waits: record that, if the pool has no free connection for long."""
        exhausted = self._exhausted(statement, place)
        self._waiters += 1
        try:
            yield
        finally:
            self._waiters -= 1
        if exhausted is not None:
            recorder, waiter = exhausted
            recorder.say(PoolServed(waiter), CAUSE.get())

    def _exhausted(self, statement: str, place: str) -> tuple[Recorder, PoolUse] | None:
        """Record the waiting callers and the holders, if all have held a connection for long."""
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
    """Describe the caller: the handler that runs, or PgQueuer."""
    cause, since = CAUSE.get(), recorder.now
    started = None if cause is None else recorder.entries[cause].event
    if not isinstance(started, HandlerStarted):
        return PoolUse(since, statement, place)
    of = started.entrypoint, started.job_id, started.schedule_id
    return PoolUse(since, statement, place, *of)
