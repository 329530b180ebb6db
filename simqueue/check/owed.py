"""Obligations: events that must happen by an instant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from simqueue.check.invariant import Broken, Invariant
from simqueue.model.config import Config
from simqueue.model.ids import MICROSECONDS, Duration, Instant

_US = timedelta(microseconds=1)
_IN_LINE = 3
"""How many statements may wait for each other's locks without faults."""
_HELD_UP = Duration(300_000_000)
"""How long faults may hold up a statement: a minute, and a minute for each lock it waits for."""

_REACTION = 8
"""How many statements in a row a worker may need until what is owed has happened."""
_DEFAULT = Config()


@dataclass(slots=True)
class Owed:
    """Something that must happen by ``due``; ``broken()`` says what is wrong if it has not."""

    due: Instant
    broken: Callable[[], Broken]


class Liveness(Invariant):
    """An invariant that lists what is owed at a moment; ``due`` and ``overdue`` follow."""

    def owed(self, now: Instant) -> Iterator[Owed]:
        """Yield what is owed now, in the same order each time."""
        raise NotImplementedError

    def due(self, now: Instant) -> Instant | None:
        """Return the latest deadline of all that is owed now; None if nothing is."""
        return max((owed.due for owed in self.owed(now)), default=None)

    def overdue(self, now: Instant) -> Broken | None:
        """Return the first thing that should have happened by now and has not."""
        return next((owed.broken() for owed in self.owed(now) if owed.due <= now), None)


def moment(at: int) -> str:
    """Return an instant in words."""
    return f"+{at / MICROSECONDS:.6f}s"


def latency(config: Config, statements: int = 1) -> Duration:
    """Return how long ``statements`` in a row may take without faults, with their effects."""
    spans = config.hop, config.hop_max, config.commit_max, config.lag_max
    # In whole numbers: sums of long spans are longer than a timedelta can be.
    hop, hop_max, commit_max, lag_max = (span // _US for span in spans)
    way = 2 * (hop + hop_max) + commit_max
    return Duration(statements * way + 2 * lag_max)


def slowness(config: Config) -> Duration:
    """Return how much longer than in the default network a reaction of a worker may take.

    Deadlines that are a fixed time, or one that the user chose, allow for it.
    """
    return Duration(max(0, _REACTION * (latency(config) - latency(_DEFAULT))))


def committed_by(config: Config, sent: int) -> Instant:
    """Return the instant by which a statement that was sent has committed, if it ever does."""
    return Instant(sent + latency(config, _IN_LINE) + (_HELD_UP if config.faults.kinds else 0))
