"""Exhaustive search: every schedule with at most K deviations from calm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice

from simqueue.choices import OPTIONS_OF_A_SECOND, Recording
from simqueue.choices.survey import Options, Survey
from simqueue.model.choice import Recorded
from simqueue.model.choice_key import word_of
from simqueue.search.planning.assignment import AsGiven, Assignment
from simqueue.search.planning.result import Result
from simqueue.search.planning.share import Share
from simqueue.sim.run import Run

Deviation = tuple[str, int, int]
"""A key, a position and the value that is picked there."""

Deviations = tuple[Deviation, ...]
"""Some deviations, in the order in which a run comes to them."""

_SECOND_US = 1_000_000
_WIDEST = 1 << 16
"""Picks with more options are drawn data; no search tries all of their values."""


class Exhaustive:
    """Plans every set of at most ``most`` deviations, fewer before more.

    Which picks can deviate is known only after a run has reached them. So ``play`` plays each set
    that may still grow again and records every pick; such a survey is no run of the campaign. A set
    grows by a pick after its last deviation, so that each set is planned once and none has a
    deviation that its run does not reach. All runs have the campaign's first seed.
    """

    def __init__(self, most: int, share: Share, play: Callable[[Survey], Run]) -> None:
        self._most, self._share, self._play = most, share, play
        self._wide: set[str] = set()
        self._taken = self._passed = self._lost = 0
        this, of = share.shard
        sets = chain.from_iterable(self._sets_of(size) for size in range(most + 1))
        self._sets = islice(sets, this - 1, None, of)

    def take(self, count: int) -> list[Assignment]:
        """Return the next sets."""
        numbers = self._share.numbers()[self._taken :]
        sets = islice(self._sets, min(count, len(numbers)))
        first = self._share.first
        taken = [
            Assignment(number, first, AsGiven(_recorded(each)))
            for each, number in zip(sets, numbers, strict=False)
        ]
        self._taken += len(taken)
        return taken

    def learn(self, result: Result) -> None:
        """Count a run that was played; surveys find the picks that can deviate."""
        self._passed += 1
        self._lost += bool(result.lost)

    def remarks(self) -> list[str]:
        """Say whether the bound is covered."""
        this, of = self._share.shard
        part = "" if of == 1 else f", part {this} of {of}"
        deviations = "1 deviation" if self._most == 1 else f"{self._most} deviations"
        bound = f"schedules with at most {deviations} from calm{part}"
        done = self._passed - self._lost
        if done < self._taken or next(self._sets, None) is not None:
            return [f"not covered: {done} {bound} were run, and there are more"]
        but = f"; values of {', '.join(sorted(self._wide))} stayed 0" if self._wide else ""
        return [f"covered: all {done} {bound}{but}"]

    def _sets_of(self, size: int) -> Iterator[Deviations]:
        """Yield every set of this many deviations once."""
        if size == 0:
            yield ()
            return
        seen: set[frozenset[Deviation]] = set()
        for parent in self._sets_of(size - 1):
            for deviation in self._next_deviations(parent):
                child = (*parent, deviation)
                if not any(map(_comes_each_second, child)):
                    yield child
                elif (members := frozenset(child)) not in seen:
                    seen.add(members)
                    yield child

    def _next_deviations(self, parent: Deviations) -> Iterator[Deviation]:
        """Yield what could deviate next in a run that deviates so."""
        options = [each for each in self._options(parent) if each[2] > 1]
        places = [options[place] for place in (0, *spread(len(options))) if options]
        values = [spread(n) for _, _, n in places]
        left = dict(enumerate(values))
        while left:
            for place in list(left):
                value = next(left[place], None)
                if value is None:
                    del left[place]
                else:
                    key, position, _ = places[place]
                    yield key, position, value

    def _options(self, parent: Deviations) -> list[Options]:
        """Return the picks after the last deviation.

        When it is that a second goes wrong a survey does not see: such a deviation may come before
        others and after them, and a set that has one may be reached in several ways.
        """
        survey = Survey(Recording(_recorded(parent)))
        run = self._play(survey)
        seconds = run.outcome.simulated // _SECOND_US
        each_second = [
            (key, second, OPTIONS_OF_A_SECOND) for key in survey.leapt for second in range(seconds)
        ]
        options = survey.options
        taken = {(key, position) for key, position, _ in parent}
        if not any(map(_comes_each_second, parent)):
            last = [at for at, (key, position, _) in enumerate(options) if (key, position) in taken]
            options = options[last[-1] + 1 :] if last else options
        options = [each for each in options + each_second if each[:2] not in taken]
        self._wide.update(key for key, _, n in options if n > _WIDEST)
        return [each for each in options if each[2] <= _WIDEST]


def _comes_each_second(deviation: Deviation) -> bool:
    return word_of(deviation[0]).is_each_second


def _recorded(deviations: Deviations) -> Recorded:
    recorded: Recorded = {}
    for key, position, value in sorted(deviations):
        recorded.setdefault(key, {})[position] = value
    return recorded


def spread(n: int) -> Iterator[int]:
    """Yield ``1 .. n-1``, the last first and then ever finer, so that any part of it is spread."""
    if n > 1:
        yield n - 1
    step = 1 << max(0, (n - 1).bit_length() - 1)
    seen = {n - 1, 0}
    while step:
        for value in range(step, n, step):
            if value not in seen:
                seen.add(value)
                yield value
        step //= 2
