"""Plays variations of a trace, for code that has changed since it was recorded.

A replay that drifts and passes is no proof: perhaps the bug is gone, perhaps the choices now apply
a step too early. So they are applied where the same request is made again, with longer delays, and
some positions earlier or later, the most likely variation first. If none of them fails, seeds are
played, so that a failure that still exists is not reported as gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby, islice

import msgspec

from simqueue.choices import Anchored, Source
from simqueue.model.choice import Choice, by_key
from simqueue.model.choice_key import MOVED_BY_EDITS, ChoiceKind, Nature, word_of
from simqueue.model.findings import Move, Variations
from simqueue.model.trace import Trace
from simqueue.search.processes.clean import Clean, LostError
from simqueue.sim.faults.encoding import is_around_statement, parts_of, value_of
from simqueue.sim.run import SEED_MAX, Run, Scenario, run

Change = Callable[[Choice], Choice]

_ANCHORED = (MOVED_BY_EDITS[:1], MOVED_BY_EDITS[:2], MOVED_BY_EDITS)
_STRETCHES = (1, 2, 4)
_SHIFTS = (1, -1, 2, -2, 3)


@dataclass(frozen=True, slots=True)
class Variation:
    """Choices by position; those of the kinds ``anchored`` apply where the same is requested."""

    choices: tuple[Choice, ...]
    anchored: tuple[ChoiceKind, ...] = ()

    def changed(self, change: Change, nature: Nature) -> Variation:
        """Return the variation with each choice of one nature changed."""
        choices = tuple(
            change(choice) if word_of(choice.key).nature == nature else choice
            for choice in self.choices
        )
        return Variation(choices, self.anchored)


@dataclass(frozen=True, slots=True)
class Nearby(Variations):
    """The variations of a trace that were played; ``same`` is the first that failed as it did."""

    same: Run | None = None


def look_nearby(
    scenario: Scenario, trace: Trace, played: Run, budget_runs: int, clean: Clean | None = None
) -> Nearby:
    """Play variations of a trace, and then seeds, until a run fails the same way.

    Each is played in a process without earlier runs, if there is a ``clean`` process to fork it.

    ``played`` is the run with the trace's own choices, which passed. Runs of ``budget_runs`` that
    the variations leave are used for seeds: the trace's own, which also has the choices that
    shrinking left out, and the following ones.
    """
    search = _Search(scenario, trace, clean, Nearby(unmet=unmet_in(trace, played)))
    for variation in islice(variations(trace.choices), budget_runs):
        if search.try_variation(variation):
            return search.nearby
    for seed in range(trace.seed, trace.seed + budget_runs - search.nearby.variations):
        if search.try_seed(seed % SEED_MAX):
            break
    return search.nearby


@dataclass(slots=True)
class _Search:
    """Plays runs that may fail the same way, and counts them."""

    scenario: Scenario
    trace: Trace
    clean: Clean | None
    nearby: Nearby

    def try_variation(self, variation: Variation) -> bool:
        """Return whether a variation fails the same way."""
        again = self._played(partial(play_variation, self.trace, variation))
        self.nearby = replace(self.nearby, variations=self.nearby.variations + 1)
        if variation.choices == self.trace.choices:
            unmet = min(self.nearby.unmet, unmet_in(self.trace, again), key=len)
            self.nearby = replace(self.nearby, unmet=unmet)
        return self._note(again)

    def try_seed(self, seed: int) -> bool:
        """Return whether the choices of a seed fail the same way."""
        again = self._played(partial(play_seed, self.trace, seed))
        self.nearby = replace(self.nearby, seeds=self.nearby.seeds + 1)
        same = self._note(again)
        if same:
            self.nearby = replace(self.nearby, seed=seed)
        return same

    def _played(self, play: Callable[[Scenario], Run]) -> Run:
        """Play a run in a process without earlier runs, or here if there is none."""
        if self.clean is not None:
            with suppress(LostError):
                return self.clean.ask(self.scenario, play)
        return play(self.scenario)

    def _note(self, again: Run) -> bool:
        recorded, failure = self.trace.outcome.failure, again.failure
        if failure is None:
            return False
        same = recorded is not None and failure.signature == recorded.signature
        if same:
            self.nearby = replace(self.nearby, same=again)
        else:
            self.nearby = replace(self.nearby, others=self.nearby.others + 1)
        return same


def play_seed(trace: Trace, seed: int, scenario: Scenario) -> Run:
    """Play another seed of a trace's scenario."""
    return run(scenario, seed=seed, config=trace.config, target=trace.target)


def play_variation(trace: Trace, variation: Variation, scenario: Scenario) -> Run:
    """Play a trace's seed with the choices of a variation."""
    anchored = Anchored(variation.choices, trace.events, variation.anchored)
    source: Source | dict[str, dict[int, int]] = by_key(variation.choices)
    return run(
        scenario,
        seed=trace.seed,
        config=trace.config,
        choices=anchored if variation.anchored else source,
        target=trace.target,
        watch=anchored.see if variation.anchored else None,
    )


# --- which choices were requested again -----------------------------------------------------------


def unmet_in(trace: Trace, played: Run) -> tuple[Choice, ...]:
    """Return the choices of a trace that a run did not request again at the same time."""
    requested = Counter(map(_request, played.choices))
    unmet = []
    for choice in trace.choices:
        requested[_request(choice)] -= 1
        if requested[_request(choice)] < 0:
            unmet.append(choice)
    return tuple(unmet)


def _request(choice: Choice) -> tuple[str, str | int, int]:
    """Return the subject of a choice, and when it was requested.

    The number of options counts only if nothing else identifies it: others may have waited too.
    """
    return choice.key, choice.about or choice.of, choice.at


def moves(trace: Trace, played: Run) -> tuple[Move, ...]:
    """Return the choices of a trace that a run made otherwise, paired in order for each key."""
    moved = []
    theirs = _by_key(played.choices)
    for key, ours in _by_key(trace.choices).items():
        for one, other in zip(ours, theirs.get(key, ()), strict=False):
            if (one.position, one.value) != (other.position, other.value):
                moved.append(Move(one, other.position, other.value))
    return tuple(moved)


def _by_key(choices: tuple[Choice, ...]) -> dict[str, list[Choice]]:
    ordered = sorted(choices, key=lambda choice: (choice.key, choice.position))
    return {key: list(group) for key, group in groupby(ordered, key=lambda choice: choice.key)}


# --- variations -----------------------------------------------------------------------------------


def variations(choices: tuple[Choice, ...]) -> Iterator[Variation]:
    """Yield the variations of choices, the most likely ones first, each once."""
    seen = {Variation(choices)}
    for variation in _all(choices):
        if variation not in seen:
            seen.add(variation)
            yield variation


def _all(choices: tuple[Choice, ...]) -> Iterator[Variation]:
    bases = [Variation(choices, kinds) for kinds in _anchorings(choices)]
    yield from bases
    bases.insert(0, Variation(choices))
    for base in bases:
        yield from _stretched(base)
    for shift in _SHIFTS:
        for base in bases[:2]:
            yield from _redrawn(base, shift)
            yield base.changed(_delayed(shift), "fault")
    for shift in _SHIFTS:
        yield from _shifted(bases[0], shift)


def _anchorings(choices: tuple[Choice, ...]) -> list[tuple[ChoiceKind, ...]]:
    """Return the sets of kinds to anchor, without kinds that have no choice."""
    present = {word_of(choice.key).kind for choice in choices}
    sets = [tuple(kind for kind in kinds if kind in present) for kinds in _ANCHORED]
    return list(dict.fromkeys(kinds for kinds in sets if kinds))


def _stretched(base: Variation) -> Iterator[Variation]:
    """Yield the variation with longer delays: shrinking made them as short as possible."""
    for more in _STRETCHES:
        yield base.changed(_with_value(more), "delay")


def _redrawn(base: Variation, shift: int) -> Iterator[Variation]:
    """Yield the variation with the draws of each key shifted, as after one more draw."""
    for key in dict.fromkeys(each.key for each in base.choices if _is_drawn(each)):
        yield Variation(_moved(base.choices, key, shift), base.anchored)


def _shifted(base: Variation, shift: int) -> Iterator[Variation]:
    """Yield the variation with the choices of each key moved, one key at a time."""
    keys = dict.fromkeys(each.key for each in base.choices if not _is_drawn(each))
    for key in keys:
        yield Variation(_moved(base.choices, key, shift), base.anchored)


def _is_drawn(choice: Choice) -> bool:
    return word_of(choice.key).nature == "value"


def _moved(choices: tuple[Choice, ...], key: str, shift: int) -> tuple[Choice, ...]:
    return tuple(
        msgspec.structs.replace(choice, position=choice.position + shift)
        if choice.key == key
        else choice
        for choice in choices
        if choice.key != key or choice.position + shift >= 0
    )


def _with_value(more: int) -> Change:
    def change(choice: Choice) -> Choice:
        return msgspec.structs.replace(
            choice, value=max(1, min(choice.value + more, choice.of - 1))
        )

    return change


def _delayed(steps: int) -> Change:
    """Return a change that injects the fault of a statement some steps later."""

    def change(choice: Choice) -> Choice:
        word = word_of(choice.key)
        parts = parts_of(word, choice.value)
        if not is_around_statement(word) or parts[1] + steps < 0:
            return choice
        moment, before, rest = parts
        value = value_of(word, (moment, before + steps, rest))
        return msgspec.structs.replace(choice, value=min(value, choice.of - 1))

    return change
