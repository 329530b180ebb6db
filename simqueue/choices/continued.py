"""The choices of a trace up to a moment, and then those of another source."""

from __future__ import annotations

from collections.abc import Mapping

from simqueue.choices.sources import Among, Deviations, Source, Values
from simqueue.model.choice import Recorded


class Continued:
    """A source that repeats a run up to a moment and is then another source.

    Args:
        recorded: the picks of the run that were not 0 and were made before the moment.
        made: for every key that was in use by then, the number of picks before the moment, calm
            ones included.
        rest: makes all picks that follow; its positions begin at 0 there.
    """

    def __init__(self, recorded: Recorded, made: Mapping[str, int], rest: Source) -> None:
        self._recorded, self._made, self._rest = recorded, made, rest

    def deviations(self, key: str) -> Deviations:
        """Begin the deviations of ``key``."""
        rest, made = self._rest.deviations(key), self._made.get(key, 0)
        if not made:
            return rest
        return _ContinuedDeviations(self._recorded.get(key, {}), made, rest)

    def values(self, key: str) -> Values:
        """Begin the values of ``key``."""
        rest, made = self._rest.values(key), self._made.get(key, 0)
        if not made:
            return rest
        return _ContinuedValues(self._recorded.get(key, {}), made, rest)


class _ContinuedDeviations:
    __slots__ = ("_left", "_made", "_position", "_rest", "_value")

    def __init__(self, recorded: Mapping[int, int], made: int, rest: Deviations) -> None:
        self._left = iter(sorted(recorded.items()))
        self._made, self._rest = made, rest
        self._position = 0
        self._value: int | None = 0
        """The pick after the gap; None if the other source makes it."""

    def gap(self) -> int:
        if self._value is None:
            return self._rest.gap()
        position, self._value = next(self._left, (self._made, None))
        gap, self._position = position - self._position, position + 1
        return gap if self._value is not None else gap + self._rest.gap()

    def after_gap(self, n: int, among: Among) -> int:
        if self._value is None:
            return self._rest.after_gap(n, among)
        return min(self._value, n - 1)


class _ContinuedValues:
    __slots__ = ("_made", "_position", "_recorded", "_rest")

    def __init__(self, recorded: Mapping[int, int], made: int, rest: Values) -> None:
        self._recorded, self._made, self._rest = recorded, made, rest
        self._position = -1

    def next(self, n: int) -> int:
        self._position += 1
        if self._position >= self._made:
            return self._rest.next(n)
        return min(self._recorded.get(self._position, 0), n - 1)

    def happens(self, millionths: int) -> bool:
        self._position += 1
        if self._position >= self._made:
            return self._rest.happens(millionths)
        return millionths > 0 and self._recorded.get(self._position, 0) > 0
