"""``sim.random``: a generator of the standard library whose draws are recorded choices."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Self

from simqueue.choices import Generator

_PATIENCE = 100
_WORD_BITS = 32


class RecordedRandom(random.Random):
    """A ``random.Random`` that takes its bits from ``pick(width)``, where 0 is the simplest.

    Some methods of the base class draw until a value fits, and would never end on zeros alone,
    which a calm run gives. After ``_PATIENCE`` zeros in a row the draws come from a fixed sequence
    until a pick is not 0.
    """

    def __new__(cls, pick: Callable[[int], int]) -> Self:
        """Make the base class without a seed of its own."""
        return super().__new__(cls, 0)  # type: ignore[call-arg]  # it takes what Random() takes

    def __init__(self, pick: Callable[[int], int]) -> None:
        self._pick = pick
        self._zeros = 0
        self._escape = Generator(0, "escape")
        super().__init__(0)

    def random(self) -> float:
        """Return a float in [0, 1)."""
        return self.getrandbits(53) * 2.0**-53

    def getrandbits(self, k: int, /) -> int:
        """Return ``k`` random bits."""
        value = 0
        for start in range(0, k, _WORD_BITS):
            value |= self._bits(min(_WORD_BITS, k - start)) << start
        return value

    def _bits(self, width: int) -> int:
        bits = self._pick(width)
        self._zeros = 0 if bits else self._zeros + 1
        return bits if self._zeros <= _PATIENCE else self._escape.below(1 << width)

    def seed(self, *args: object, **kwargs: object) -> None:
        """Do nothing: the run's seed decides."""
