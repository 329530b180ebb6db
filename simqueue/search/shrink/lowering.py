"""Lowering: passes that change the values of choices, and thereby may do with fewer of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Sequence
from datetime import timedelta

from simqueue.model.choice import Choice
from simqueue.model.choice_key import KINDS, parse_key, word_of
from simqueue.model.config import Config
from simqueue.model.delays import ladder
from simqueue.search.shrink.attempts import Attempts, Place, place_of, valued
from simqueue.sim.faults.encoding import parts_of, value_of

_STRETCHED = 12
_MANY = 40
_POOLED = 3
_HALVINGS = 5
_TRIED_FOR_A_PART = 12


# --- longer, so that others are not needed --------------------------------------------------------


def stretch(attempts: Attempts) -> None:
    """Make the last delays as long as can be.

    What goes wrong goes wrong while something is on its way. The longer that takes, the less has
    to be just so before.
    """
    config = attempts.best.config
    delays = [each for each in attempts.best.choices if _ladder_of(config, each)]
    for place in [place_of(each) for each in reversed(delays[-_STRETCHED:])]:
        choice = attempts.at(place)
        if choice is not None:
            attempts.with_values({place: choice.of - 1})


def stretch_one(attempts: Attempts) -> bool:
    """Look for one kind of message that is enough by itself, if it takes as long as can be.

    What the others did may only have brought about a moment that longer waits meet anyway.
    """
    choices, config = attempts.best.choices, attempts.best.config
    delays = [each for each in choices if _ladder_of(config, each)]
    inputs = [each for each in choices if word_of(each.key).nature == "value"]
    if len(choices) < _MANY:
        return False
    return any(
        attempts.adopt((*kept, *(valued(each, each.of - 1) for each in delays if each.key == key)))
        for kept in (inputs, [])
        for key in dict.fromkeys(each.key for each in reversed(delays))
    )


def pool(attempts: Attempts, *, halvings: int = _HALVINGS) -> None:
    """Have each actor wait as long as before, at as few places as can be."""
    waits: dict[Hashable, list[Place]] = {}
    for each in attempts.best.choices:
        if _durations(attempts.best.config, each):
            waits.setdefault(_waiter(each), []).append(place_of(each))
    for places in waits.values():
        _pool(attempts, places, halvings)


def _pool(attempts: Attempts, places: list[Place], halvings: int) -> None:
    """Wait late, or else early; or else do so in each half of the places."""
    if len(places) < _POOLED or _is_short(attempts):
        return
    if any(_wait_at(attempts, order) for order in (places[::-1], places)) or not halvings:
        return
    middle = len(places) // 2
    for half in (places[middle:], places[:middle]):
        _pool(attempts, half, halvings - 1)


def _wait_at(attempts: Attempts, places: list[Place]) -> bool:
    """Try to wait at the first places as long as can be, and at the others not at all."""
    choices = [choice for place in places if (choice := attempts.at(place)) is not None]
    scales = [_durations(attempts.best.config, each) for each in choices]
    left = sum(scale[each.value] for scale, each in zip(scales, choices, strict=True))
    values: dict[Place, int] = {}
    for scale, each in zip(scales, choices, strict=True):
        value = values[place_of(each)] = min(bisect_left(scale, left), len(scale) - 1)
        left = max(0, left - scale[value])
    return all(values.values()) or attempts.with_values(values)


def merge(attempts: Attempts) -> None:
    """Wait once where an actor waits twice, as long as both together."""
    for place in [place_of(each) for each in reversed(attempts.best.choices)]:
        if _is_short(attempts):
            return
        late = attempts.at(place)
        if late is not None:
            _merge_into(attempts, late)


def _merge_into(attempts: Attempts, late: Choice) -> None:
    choices, config = attempts.best.choices, attempts.best.config
    scale = _durations(config, late)
    for early in reversed(choices[: choices.index(late)]):
        if scale and _durations(config, early) and _waiter(early) == _waiter(late):
            both = _durations(config, early)[early.value] + scale[late.value]
            value = bisect_left(scale, both)
            if value < len(scale):
                attempts.with_values({place_of(early): 0, place_of(late): value})
            return


def _waiter(choice: Choice) -> Hashable:
    """Return what choices share of which one can wait for another."""
    key = parse_key(choice.key)
    return choice.key if key.kind == "random" else key.process


def _durations(config: Config, choice: Choice) -> Sequence[int]:
    """Return what the values of a choice stand for, if that can be added up; none if not.

    Drawn numbers are taken for durations, too: scenarios draw how long they sleep.
    """
    drawn = word_of(choice.key).kind == "random"
    return range(choice.of) if drawn else _ladder_of(config, choice)


def _ladder_of(config: Config, choice: Choice) -> Sequence[int]:
    longest = KINDS[word_of(choice.key).kind].longest
    if longest is None:
        return ()
    duration: timedelta = getattr(config, longest)
    return ladder(duration // timedelta(microseconds=1))


# --- shorter and simpler --------------------------------------------------------------------------


def lower(attempts: Attempts) -> None:
    """Make values smaller: all of them 1 at once, else each, from the last on."""
    choices = attempts.best.choices
    if attempts.with_values({place_of(each): 1 for each in choices}):
        return
    for place in [place_of(each) for each in reversed(choices)]:
        _lower_one(attempts, place)


def _lower_one(attempts: Attempts, place: Place) -> None:
    """Try 1, then each part of the value, what weighs most first."""
    choice = attempts.at(place)
    if choice is None or choice.value == 1 or _try(attempts, place, 1):
        return
    word = word_of(place[0])
    for index in reversed(range(len(parts_of(word, choice.value)))):
        choice = attempts.at(place)
        if choice is not None:
            _lower_part(attempts, place, parts_of(word, choice.value), index)


def _lower_part(attempts: Attempts, place: Place, parts: tuple[int, ...], index: int) -> None:
    """Try 0, then what lies in the middle between too little and enough."""

    def enough(part: int) -> bool:
        changed = (*parts[:index], part, *parts[index + 1 :])
        return _try(attempts, place, value_of(word_of(place[0]), changed))

    least(parts[index], enough)


def least(known: int, enough: Callable[[int], bool]) -> int:
    """Return a value that is enough, near the least of them, if more is enough where less is."""
    low, high = -1, known
    for _ in range(_TRIED_FOR_A_PART):
        if low + 1 >= high:
            break
        middle = 0 if low < 0 else (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle
    return high


def _try(attempts: Attempts, place: Place, value: int) -> bool:
    return not _is_short(attempts) and attempts.with_values({place: value})


def _is_short(attempts: Attempts) -> bool:
    """Return whether the runs that are left are needed to learn which choices are."""
    return attempts.left <= len(attempts.best.choices) + 1
