"""The door: asks a source, keeps what was picked."""

from __future__ import annotations

from simqueue.choices.sources import Deviations, Source, Values


class Stream:
    """The deviations of one key from calm, by position among its picks.

    ``quiet`` counts the calm picks that come before the source has to be asked again. Most picks
    are calm and there are many, so whoever picks most often counts it down without a call.
    """

    __slots__ = ("_source", "_upcoming", "kept", "quiet")

    def __init__(self, source: Deviations) -> None:
        self._source = source
        self._upcoming = self.quiet = source.gap()
        self.kept: dict[int, int] = {}

    def leap(self) -> int:
        """Make all the calm picks that come next at once; return how many they were."""
        passed, self.quiet = self.quiet, 0
        return passed

    def deviate(self, n: int) -> int:
        """Pick one of ``0 .. n-1`` where 0 is what a calm system does, and keep it."""
        if self.quiet:
            self.quiet -= 1
            return 0
        value = self._source.after_gap(n)
        if value:
            self.kept[self._upcoming] = value
        self.quiet = self._source.gap()
        self._upcoming += 1 + self.quiet
        return value


class Draws:
    """The values of one key, all alike, by position among its picks."""

    __slots__ = ("_position", "_source", "kept")

    def __init__(self, source: Values) -> None:
        self._source = source
        self._position = -1
        self.kept: dict[int, int] = {}

    def pick(self, n: int) -> int:
        """Pick one of ``0 .. n-1`` and keep it. 0 is the simplest."""
        self._position += 1
        value = self._source.next(n)
        if value:
            self.kept[self._position] = value
        return value


class Choices:
    """Everything a run leaves open is picked here, by key.

    A key says who asks and for what, its last word being the kind: ``"a QueueManager.run dequeue
    request"``. Picks are kept by key and not in one list, so that a change in one task leaves what
    the others picked in place.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._streams: dict[str, Stream] = {}
        self._draws: dict[str, Draws] = {}

    def stream(self, key: str) -> Stream:
        """Return the deviations of ``key``, opened when it is asked for the first time."""
        stream = self._streams.get(key)
        if stream is None:
            stream = self._streams[key] = Stream(self._source.deviations(key))
        return stream

    def draws(self, key: str) -> Draws:
        """Return the values of ``key``, opened when it is asked for the first time."""
        draws = self._draws.get(key)
        if draws is None:
            draws = self._draws[key] = Draws(self._source.values(key))
        return draws

    def recorded(self) -> dict[str, dict[int, int]]:
        """Return the picks that were not 0, by key and position; keys are sorted."""
        every: dict[str, Stream | Draws] = {**self._streams, **self._draws}
        return {key: every[key].kept for key in sorted(every) if every[key].kept}
