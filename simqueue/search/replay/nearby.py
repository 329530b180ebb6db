"""Nearby: the choices of a trace moved a little, where an edit may have moved what they were for.

A replay that drifts and passes says little: perhaps the bug is gone, perhaps its choices struck a
step too early. So they are tried where the same is asked again, some rungs of delay longer, some
places earlier or later, most likely first. When none of that fails, seeds are tried, lest a failure
be called gone that is still there.
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
from simqueue.model.trace import Trace
from simqueue.search.processes.clean import Clean, LostError
from simqueue.sim.faults.encoding import is_around_statement, parts_of, value_of
from simqueue.sim.run import SEED_MAX, Run, Scenario, run

Change = Callable[[Choice], Choice]

_ANCHORED = (MOVED_BY_EDITS[:1], MOVED_BY_EDITS[:2], MOVED_BY_EDITS)
_STRETCHES = (1, 2, 4)
_SHIFTS = (1, -1, 2, -2, 3)
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Move:
    """A choice of a trace, and what stands for it in another run."""

    choice: Choice
    position: int
    value: int

    def __str__(self) -> str:
        """Say what was moved from where to where."""
        where, value = self.choice.position, self.choice.value
        said = [f"from {where} to {self.position}"] * (where != self.position)
        said += [f"value {value} as {self.value}"] * (value != self.value)
        return f"{self.choice.key!r} {', '.join(said)}"


@dataclass(frozen=True, slots=True)
class Variation:
    """Choices by position, except those of the kinds ``anchored``: where the same is asked."""

    choices: tuple[Choice, ...]
    anchored: tuple[ChoiceKind, ...] = ()

    def changed(self, change: Change, nature: Nature) -> Variation:
        """Return it with each choice of one nature changed."""
        choices = tuple(
            change(choice) if word_of(choice.key).nature == nature else choice
            for choice in self.choices
        )
        return Variation(choices, self.anchored)


@dataclass(frozen=True, slots=True)
class Nearby:
    """What the variations of a trace came to.

    ``alike`` is the first run that failed as the trace did, and ``seed`` the one that drew its
    choices, if they were not the trace's. ``variations`` and ``seeds`` are how many of each were
    played, ``others`` how many of them failed otherwise. ``unmet`` are the choices of the trace
    that were not asked for again, be it by position or anchored, whichever asked for more.
    """

    alike: Run | None = None
    seed: int | None = None
    variations: int = 0
    seeds: int = 0
    others: int = 0
    unmet: tuple[Choice, ...] = ()

    @property
    def runs(self) -> int:
        """How many runs were played."""
        return self.variations + self.seeds


def look_nearby(
    scenario: Scenario, trace: Trace, played: Run, budget_runs: int, clean: Clean | None = None
) -> Nearby:
    """Play variations of a trace, and then seeds, until a run fails alike.

    Each is played where no run came before, if there is a ``clean`` process to do so.

    ``played`` is the run by the trace as it stands, which passed. Of ``budget_runs`` those are left
    to seeds that no variation is there for: the trace's own, which knows what was shrunk away, and
    those after it.
    """
    search = _Search(scenario, trace, clean, Nearby(unmet=unmet_in(trace, played)))
    for variation in islice(variations(trace.choices), budget_runs):
        if search.varies(variation):
            return search.found
    for seed in range(trace.seed, trace.seed + budget_runs - search.found.variations):
        if search.draws(seed % SEED_MAX):
            break
    return search.found


@dataclass(slots=True)
class _Search:
    """Plays what may fail alike, and tells what came of it."""

    scenario: Scenario
    trace: Trace
    clean: Clean | None
    found: Nearby

    def varies(self, variation: Variation) -> bool:
        """Return whether a variation fails alike."""
        again = self._played(partial(play_variation, self.trace, variation))
        found = replace(self.found, variations=self.found.variations + 1)
        if variation.choices == self.trace.choices:
            found = replace(found, unmet=min(found.unmet, unmet_in(self.trace, again), key=len))
        return self._note(found, again)

    def draws(self, seed: int) -> bool:
        """Return whether the choices of a seed fail alike."""
        again = self._played(partial(play_seed, self.trace, seed))
        found = replace(self.found, seeds=self.found.seeds + 1)
        if self._note(found, again):
            self.found = replace(self.found, seed=seed)
        return self.found.alike is not None

    def _played(self, play: Callable[[Scenario], Run]) -> Run:
        """Play a run where none came before, or here if that cannot be done."""
        if self.clean is not None:
            with suppress(LostError):
                return self.clean.ask(self.scenario, play)
        return play(self.scenario)

    def _note(self, found: Nearby, again: Run) -> bool:
        recorded, failure = self.trace.outcome.failure, again.failure
        alike = failure is not None and recorded and failure.signature == recorded.signature
        if alike:
            self.found = replace(found, alike=again)
        else:
            self.found = replace(found, others=found.others + (failure is not None))
        return bool(alike)


def play_seed(trace: Trace, seed: int, scenario: Scenario) -> Run:
    """Play another seed of a trace's scenario."""
    return run(scenario, seed=seed, config=trace.config, target=trace.target)


def play_variation(trace: Trace, variation: Variation, scenario: Scenario) -> Run:
    """Play a trace's seed with choices that were moved."""
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


# --- what was asked for again ---------------------------------------------------------------------


def unmet_in(trace: Trace, played: Run) -> tuple[Choice, ...]:
    """Return the choices of a trace that a run did not ask for about the same, at the same time."""
    asked = Counter(map(_what, played.choices))
    unmet = []
    for choice in trace.choices:
        asked[_what(choice)] -= 1
        if asked[_what(choice)] < 0:
            unmet.append(choice)
    return tuple(unmet)


def _what(choice: Choice) -> tuple[str, str | int, int]:
    """Return when a choice was made, and about what; beside somebody, others may have waited."""
    return choice.key, choice.about or choice.of, choice.at


def moves(trace: Trace, played: Run) -> tuple[Move, ...]:
    """Return the choices of a trace for which others stand in a run, key by key in order."""
    found = []
    theirs = _by_key(played.choices)
    for key, ours in _by_key(trace.choices).items():
        for one, other in zip(ours, theirs.get(key, ()), strict=False):
            if (one.position, one.value) != (other.position, other.value):
                found.append(Move(one, other.position, other.value))
    return tuple(found)


def _by_key(choices: tuple[Choice, ...]) -> dict[str, list[Choice]]:
    ordered = sorted(choices, key=lambda choice: (choice.key, choice.position))
    return {key: list(group) for key, group in groupby(ordered, key=lambda choice: choice.key)}


# --- variations -----------------------------------------------------------------------------------


def variations(choices: tuple[Choice, ...]) -> Iterator[Variation]:
    """Yield the variations of choices, most likely first, none twice."""
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
            yield base.changed(_struck_later(shift), "fault")
    for shift in _SHIFTS:
        yield from _shifted(bases[0], shift)


def _anchorings(choices: tuple[Choice, ...]) -> list[tuple[ChoiceKind, ...]]:
    """Return the sets of kinds to be anchored, as far as there are choices of them."""
    there = {word_of(choice.key).kind for choice in choices}
    found = [tuple(kind for kind in kinds if kind in there) for kinds in _ANCHORED]
    return list(dict.fromkeys(kinds for kinds in found if kinds))


def _stretched(base: Variation) -> Iterator[Variation]:
    """Yield it with longer delays: those of a shrunk trace are as short as can be."""
    for more in _STRETCHES:
        yield base.changed(_with_value(more), "delay")


def _redrawn(base: Variation, shift: int) -> Iterator[Variation]:
    """Yield it with the draws of each key taken for later ones, as after one draw more."""
    for key in dict.fromkeys(each.key for each in base.choices if _is_drawn(each)):
        yield Variation(_moved(base.choices, key, shift), base.anchored)


def _shifted(base: Variation, shift: int) -> Iterator[Variation]:
    """Yield it with the choices of one key after the other moved."""
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


def _struck_later(steps: int) -> Change:
    """Return what lets the fault of a statement strike some steps later."""

    def change(choice: Choice) -> Choice:
        word = word_of(choice.key)
        parts = parts_of(word, choice.value)
        if not is_around_statement(word) or parts[1] + steps < 0:
            return choice
        moment, before, rest = parts
        value = value_of(word, (moment, before + steps, rest))
        return msgspec.structs.replace(choice, value=min(value, choice.of - 1))

    return change


def render_moves(found: tuple[Move, ...]) -> str:
    """Say which choices were moved."""
    shown = "; ".join(map(str, found[:_NAMED]))
    return f"{shown}; and {len(found) - _NAMED} more" if len(found) > _NAMED else shown
