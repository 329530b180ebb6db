"""Survey: what a run picks from, calm picks included."""

from __future__ import annotations

from simqueue.choices.sources import Among, Deviations, Source, Values
from simqueue.model.choice_key import word_of

Options = tuple[str, int, int]
"""A key, a position, and how many options there were."""


class Survey:
    """A source that picks as another does and writes down what every pick was one of.

    ``options`` are in the order of the picks, those of one option excepted. ``leapt`` are the keys
    of picks that come once a second, of which calm ones are not seen.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.options: list[Options] = []
        self.leapt: list[str] = []

    def deviations(self, key: str) -> Deviations:
        """Begin the deviations of ``key``."""
        inner = self._source.deviations(key)
        if word_of(key).is_each_second:
            self.leapt.append(key)
            return inner
        return _Surveyed(self, key, inner)

    def values(self, key: str) -> Values:
        """Begin the values of ``key``."""
        return _SurveyedValues(self, key, self._source.values(key))

    def note(self, key: str, position: int, n: int) -> None:
        """Write down one pick."""
        if n > 1:
            self.options.append((key, position, n))


class _Surveyed:
    """Asks for every pick, and lets the source say only those that it would have been asked for."""

    __slots__ = ("_inner", "_key", "_position", "_quiet", "_survey")

    def __init__(self, survey: Survey, key: str, inner: Deviations) -> None:
        self._survey, self._key, self._inner = survey, key, inner
        self._position = 0
        self._quiet = inner.gap()

    def gap(self) -> int:
        return 0

    def after_gap(self, n: int, among: Among) -> int:
        self._survey.note(self._key, self._position, n)
        self._position += 1
        if self._quiet:
            self._quiet -= 1
            return 0
        value = self._inner.after_gap(n, among)
        self._quiet = self._inner.gap()
        return value


class _SurveyedValues:
    __slots__ = ("_inner", "_key", "_position", "_survey")

    def __init__(self, survey: Survey, key: str, inner: Values) -> None:
        self._survey, self._key, self._inner = survey, key, inner
        self._position = 0

    def next(self, n: int) -> int:
        self._note(n)
        return self._inner.next(n)

    def happens(self, millionths: int) -> bool:
        self._note(2 if millionths > 0 else 1)
        return self._inner.happens(millionths)

    def _note(self, n: int) -> None:
        self._survey.note(self._key, self._position, n)
        self._position += 1
