"""The door: asks a source for each choice and records what it picked."""

from __future__ import annotations

from collections.abc import Sized
from typing import Protocol

from simqueue.choices.sources import NOBODY, Among, Deviations, Source, Values
from simqueue.model.choice import Choice, Recorded, by_key
from simqueue.model.choice_key import Steps, render_steps, word_of
from simqueue.model.ids import Instant

Pick = tuple[str, int, int, int, int, int, Steps]
"""The record of a pick: its key, position, value and number of options, the instant, the number of
earlier events, and the tasks whose steps it is about."""


class Clock(Protocol):
    """A clock of virtual time, in microseconds."""

    @property
    def now(self) -> int:
        """The time."""
        ...


class _Standstill:
    now = 0


class Stream:
    """The deviations of one key from calm, by position among its picks.

    ``quiet`` is the number of calm picks before the source has to be asked again. Most picks are
    calm and there are many, so the scheduler counts it down itself, without a call.
    """

    __slots__ = ("_door", "_key", "_source", "_upcoming", "quiet")

    def __init__(self, key: str, source: Deviations, door: Choices) -> None:
        self._key, self._source, self._door = key, source, door
        self._upcoming = self.quiet = source.gap()

    @property
    def made(self) -> int:
        """The number of picks so far, calm ones included."""
        return self._upcoming - self.quiet

    def leap(self) -> int:
        """Make all the calm picks that come next at once; return their number."""
        passed, self.quiet = self.quiet, 0
        return passed

    def deviate(self, n: int, among: Among = NOBODY) -> int:
        """Pick one of ``0 .. n-1``, where 0 is what a calm system does, and record it.

        ``among`` names the tasks that are the options, or the one task that it is about.
        """
        if self.quiet:
            self.quiet -= 1
            return 0
        return self.pick(n, among)

    def pick(self, n: int, among: Among = NOBODY) -> int:
        """Do as ``deviate``, for a caller that has seen that no quiet is left."""
        value = self._source.after_gap(n, among)
        if value:
            door = self._door
            steps = among.steps(value)
            # Inlined: this runs about every second step, and a call would double its cost.
            door.picks.append(
                (self._key, self._upcoming, value, n, door.clock.now, len(door.log), steps)
            )
        self.quiet = self._source.gap()
        self._upcoming += 1 + self.quiet
        return value


class Draws:
    """The values of one key, all equally likely, by position among its picks."""

    __slots__ = ("_door", "_key", "_position", "_source")

    def __init__(self, key: str, source: Values, door: Choices) -> None:
        self._key, self._source, self._door = key, source, door
        self._position = -1

    @property
    def made(self) -> int:
        """The number of picks so far."""
        return self._position + 1

    def pick(self, n: int) -> int:
        """Pick one of ``0 .. n-1`` and record it. 0 is the simplest."""
        return self._kept(self._source.next(n), n)

    def happens(self, millionths: int) -> bool:
        """Pick whether something of this probability happens, and record it. No is the simplest."""
        return bool(self._kept(int(self._source.happens(millionths)), 2))

    def _kept(self, value: int, n: int) -> int:
        self._position += 1
        if value:
            door = self._door
            door.picks.append(
                (self._key, self._position, value, n, door.clock.now, len(door.log), ())
            )
        return value


class Choices:
    """Makes every decision that a run leaves open, by key (see ``model.choice_key``).

    Positions are counted by key and not in one list, so that a change in one task does not shift
    the picks of the others.

    ``picks`` holds the picks other than 0, in order; ``clock`` and ``log`` give the moment of each.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._streams: dict[str, Stream] = {}
        self._draws: dict[str, Draws] = {}
        self.picks: list[Pick] = []
        self.clock: Clock = _Standstill()
        self.log: Sized = ()

    def stream(self, key: str) -> Stream:
        """Return the deviations of ``key``, opened at the first call."""
        stream = self._streams.get(key)
        if stream is None:
            stream = self._streams[key] = Stream(key, self._source.deviations(key), self)
        return stream

    def draws(self, key: str) -> Draws:
        """Return the values of ``key``, opened at the first call."""
        draws = self._draws.get(key)
        if draws is None:
            draws = self._draws[key] = Draws(key, self._source.values(key), self)
        return draws

    def recorded(self) -> Recorded:
        """Return the picks that were not 0, by key and position; keys are sorted."""
        return by_key(map(choice_of, self.picks))

    def made(self) -> int:
        """Return the number of picks, calm ones included, but not those made each second."""
        deviations = sum(
            each.made for key, each in self._streams.items() if not word_of(key).is_each_second
        )
        return deviations + sum(each.made for each in self._draws.values())


def choice_of(pick: Pick) -> Choice:
    """Return the record of a pick; it is made only when it is needed."""
    key, position, value, n, at, event, steps = pick
    return Choice(key, position, value, n, Instant(at), event, render_steps(steps))
