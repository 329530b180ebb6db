"""Sources of picks: the seed, a trace, or calm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from struct import Struct
from typing import Protocol

from simqueue.model.choice import Recorded
from simqueue.model.choice_key import Steps, Word, word_of
from simqueue.model.delays import RUNGS
from simqueue.model.fault import Severity

_EIGHT_WORDS = Struct("<8Q")
_MILLION = 1_000_000
_MEAN_GAPS = (None, 100, 20, 4, 0)
"""The average number of calm picks between two deviations; None: all are calm."""

OPTIONS_OF_A_SECOND = RUNGS * RUNGS

_MEAN_GAPS_OF_FAULTS: dict[Severity, tuple[int | None, ...]] = {
    "disaster": (None, None, 1000, 200, 50, 12),
    "mishap": (None, None, None, 200, 40, 6),
}
"""The same for faults; the gaps are long enough that a run can go on between them."""

_ONE_IN = 6
_MEAN_GAPS_OF_THE_ONE = (30, 8, 2)
"""In some runs a fault occurs often at a few of its targets and not at the others."""

_Temper = tuple[int | None, int]
"""The average number of calm picks between two deviations, and their least value."""

NEVER = 1 << 62
"""A gap longer than any run."""


class Named(Protocol):
    """A process that is an option of a choice."""

    @property
    def name(self) -> str:
        """The name, which is unique."""
        ...


class Among(Protocol):
    """The tasks that are the options of a pick, or its one task; queried only when needed."""

    def options(self) -> Sequence[Named]:
        """Return their processes, in the order of the options if there are several."""
        ...

    def steps(self, value: int) -> Steps:
        """Return whose steps a pick of ``value`` is about."""
        ...


class _Nobody:
    def options(self) -> Sequence[Named]:
        return ()

    def steps(self, value: int) -> Steps:
        return ()


NOBODY = _Nobody()
"""For a pick whose options are numbers."""


class Deviations(Protocol):
    """The deviations of one key from calm: most picks are calm, so deviations have gaps between."""

    def gap(self) -> int:
        """Return how many calm picks come next."""
        ...

    def after_gap(self, n: int, among: Among) -> int:
        """Return the pick that follows, one of ``0 .. n-1``.

        ``among`` names the tasks that are the options, or the one task that it is about.
        """
        ...


class Values(Protocol):
    """Equally likely picks, for one key."""

    def next(self, n: int) -> int:
        """Return one of ``0 .. n-1``."""
        ...

    def happens(self, millionths: int) -> bool:
        """Return whether something happens that has this probability."""
        ...


class Source(Protocol):
    """Opens the sequence of picks of a key; the sequences of keys are independent."""

    def deviations(self, key: str) -> Deviations:
        """Begin the deviations of ``key``."""
        ...

    def values(self, key: str) -> Values:
        """Begin the values of ``key``."""
        ...


class Calm:
    """Always 0: plain asyncio in first-in-first-out order with constant latency."""

    def deviations(self, key: str) -> Deviations:
        """Return no deviations."""
        return _RecordedDeviations({})

    def values(self, key: str) -> Values:
        """Return zeros."""
        return _RecordedValues({})


class Recording:
    """The picks of a trace, by key and position; all others are calm.

    A value that is too large, because the code now offers fewer options, becomes the last option.
    """

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded

    def deviations(self, key: str) -> Deviations:
        """Begin the recorded deviations of ``key``."""
        return _RecordedDeviations(self._recorded.get(key, {}))

    def values(self, key: str) -> Values:
        """Begin the recorded values of ``key``."""
        return _RecordedValues(self._recorded.get(key, {}))


class _RecordedDeviations:
    __slots__ = ("_left", "_position", "_value")

    def __init__(self, recorded: Mapping[int, int]) -> None:
        self._left = iter(sorted(recorded.items()))
        self._position = self._value = 0

    def gap(self) -> int:
        position, self._value = next(self._left, (NEVER, 0))
        gap, self._position = position - self._position, position + 1
        return gap

    def after_gap(self, n: int, among: Among) -> int:
        return min(self._value, n - 1)


class _RecordedValues:
    __slots__ = ("_position", "_recorded")

    def __init__(self, recorded: Mapping[int, int]) -> None:
        self._recorded = recorded
        self._position = -1

    def next(self, n: int) -> int:
        self._position += 1
        return min(self._recorded.get(self._position, 0), n - 1)

    def happens(self, millionths: int) -> bool:
        return millionths > 0 and self.next(2) > 0


class Seeded:
    """Random picks, each key from its own generator, so that a new key disturbs no other.

    How often a kind of choice (the key's last word) deviates from calm is drawn from the seed, too,
    as in swarm testing: some runs reorder steps and never delay a message, others do nothing else.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._tempers: dict[str, _Temper] = {}

    def deviations(self, key: str) -> Deviations:
        """Begin the deviations of ``key``; equal seeds and keys give equal sequences."""
        word = word_of(key)
        temper = self._tempers.get(word.text)
        if temper is None:
            temper = self._tempers[word.text] = self._temper(word)
        return _RandomDeviations(self._seed, key, temper)

    def _temper(self, word: Word) -> _Temper:
        generator = Generator(self._seed, f"temper {word}")
        if word.severity is not None:
            # At least 1: a trace must not hold choices of faults that did not occur.
            gaps = _MEAN_GAPS_OF_FAULTS[word.severity]
            return self._gap_of_fault(word, gaps, generator), 1
        return _MEAN_GAPS[generator.below(len(_MEAN_GAPS))], 0

    def _gap_of_fault(
        self, word: Word, gaps: tuple[int | None, ...], generator: Generator
    ) -> int | None:
        if word.target:
            match Generator(self._seed, f"temper {word.without_target}").below(4):
                case 0:
                    return None  # A quarter of the allowed faults does not occur in a run.
                case 1 | 2:
                    hard = not generator.below(_ONE_IN)
                    return _MEAN_GAPS_OF_THE_ONE[generator.below(3)] if hard else None
        return gaps[generator.below(len(gaps))]

    def values(self, key: str) -> Values:
        """Begin the values of ``key``; equal seeds and keys give equal sequences."""
        return _RandomValues(self._seed, key)


class Generator:
    """Random numbers from a hash of seed and key, eight to a block, each block of the one before.

    A run has dozens of keys and draws few numbers for most of them, so that the cost of starting a
    generator matters more than the cost of a number: the hash of the key is the first block.
    """

    __slots__ = ("_block", "_words")

    def __init__(self, seed: int, key: str) -> None:
        self._block = blake2b(f"{seed} {key}".encode()).digest()
        self._words = list(_EIGHT_WORDS.unpack(self._block))

    def below(self, n: int) -> int:
        """Return one of ``0 .. n-1``, for ``n`` up to 2**64."""
        word: int = (self._words or self._refilled()).pop()
        return (word * n) >> 64

    def _refilled(self) -> list[int]:
        """Refill the words, which are used up, and return them."""
        self._block = block = blake2b(self._block).digest()
        self._words.extend(_EIGHT_WORDS.unpack(block))
        return self._words


class _RandomDeviations(Generator):
    __slots__ = ("_least", "_widest")

    def __init__(self, seed: int, key: str, temper: _Temper) -> None:
        mean_gap, self._least = temper
        self._widest = 0 if mean_gap is None else 2 * mean_gap + 1
        if self._widest:
            super().__init__(seed, key)

    def gap(self) -> int:
        if self._widest <= 1:
            return 0 if self._widest else NEVER
        return self.below(self._widest)

    def after_gap(self, n: int, among: Among) -> int:
        # Inlined ``below``: most deviations are made here.
        word: int = (self._words or self._refilled()).pop()
        return self._least + ((word * (n - self._least)) >> 64)


class _RandomValues(Generator):
    __slots__ = ()

    def next(self, n: int) -> int:
        return self.below(n)

    def happens(self, millionths: int) -> bool:
        return self.below(_MILLION) >= _MILLION - millionths
