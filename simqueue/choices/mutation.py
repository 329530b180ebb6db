"""Mutation: most of what one run picked, and something new in places."""

from __future__ import annotations

from collections.abc import Sequence

from simqueue.choices.sources import (
    Deviations,
    Generator,
    Named,
    Recording,
    Seeded,
    Source,
    Values,
)
from simqueue.model.choice import Recorded, actor_of, kind_of

_ONE_IN = 8
"""Of what the run did not pick from so much is picked anew."""


class Mutated:
    """A source that repeats a run's picks, key by key, and picks some keys anew from ``salt``.

    Either single keys are, or those of an actor, or those of a kind: what is kept together stays
    together. One such group at least is, and half of them at most. Some keys are repeated up to a
    point and picked anew from there on.
    """

    def __init__(self, base: Recorded, salt: int) -> None:
        self._salt = salt
        self._kept, self._new = Recording(base), Seeded(salt)
        generator = Generator(salt, "mutation")
        self._group = (str, actor_of, kind_of)[generator.below(3)]
        self._groups = {self._group(key) for key in base}
        self._anew = self._drawn(generator)
        self._horizon = 1 + generator.below(200)

    def _drawn(self, generator: Generator) -> set[str]:
        """Draw which groups are picked anew; one as often as half of them."""
        left, drawn = sorted(self._groups), set[str]()
        most = (1, 2, 4, len(left))[generator.below(4)]
        for _ in range(min(most, (len(left) + 1) // 2)):
            drawn.add(left.pop(generator.below(len(left))))
        return drawn

    def deviations(self, key: str) -> Deviations:
        """Begin the deviations of ``key``."""
        if self._is_kept(key):
            return self._kept.deviations(key)
        generator = Generator(self._salt, f"cut {key}")
        if generator.below(2):
            return self._new.deviations(key)
        cut = generator.below(self._horizon)
        return _Spliced(self._kept.deviations(key), self._new.deviations(key), cut)

    def values(self, key: str) -> Values:
        """Begin the values of ``key``."""
        source: Source = self._kept if self._is_kept(key) else self._new
        return source.values(key)

    def _is_kept(self, key: str) -> bool:
        group = self._group(key)
        if group in self._anew:
            return False
        return group in self._groups or bool(Generator(self._salt, f"keep {group}").below(_ONE_IN))


class _Spliced:
    """One key's deviations up to a position, and another's from there on."""

    __slots__ = ("_before", "_left", "_now", "_then")

    def __init__(self, before: Deviations, then: Deviations, cut: int) -> None:
        self._now, self._before, self._then, self._left = before, before, then, cut

    def gap(self) -> int:
        if self._now is self._then:
            return self._now.gap()
        gap = self._before.gap()
        if gap < self._left:
            self._left -= gap + 1
            return gap
        self._now = self._then
        return self._left + self._then.gap()

    def after_gap(self, n: int, among: Sequence[Named]) -> int:
        return self._now.after_gap(n, among)
