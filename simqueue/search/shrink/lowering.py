"""Passes that change the values of choices, which may make other choices unnecessary."""

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


# --- longer delays, so that other choices are not needed ------------------------------------------


def stretch(attempts: Attempts) -> None:
    """Make the last delays as long as possible.

    Most failures occur while a message is on its way. The longer it takes, the fewer earlier
    choices are needed to reach that moment.
    """
    config = attempts.best.config
    delays = [each for each in attempts.best.choices if _ladder_of(config, each)]
    for place in [place_of(each) for each in reversed(delays[-_STRETCHED:])]:
        choice = attempts.at(place)
        if choice is not None:
            attempts.with_values({place: choice.of - 1})


def stretch_one(attempts: Attempts) -> bool:
    """Look for one key whose delays alone are enough if they are as long as possible.

    The other choices may only have led to a moment that longer delays reach anyway.
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
    """Let each actor wait as long as before, but at as few places as possible."""
    waits: dict[Hashable, list[Place]] = {}
    for each in attempts.best.choices:
        if _durations(attempts.best.config, each):
            waits.setdefault(_waiter(each), []).append(place_of(each))
    for places in waits.values():
        _pool(attempts, places, halvings)


def _pool(attempts: Attempts, places: list[Place], halvings: int) -> None:
    """Move the waiting to the last places, or to the first; if neither works, in each half."""
    if len(places) < _POOLED or _is_short(attempts):
        return
    if any(_wait_at(attempts, order) for order in (places[::-1], places)) or not halvings:
        return
    middle = len(places) // 2
    for half in (places[middle:], places[:middle]):
        _pool(attempts, half, halvings - 1)


def _wait_at(attempts: Attempts, places: list[Place]) -> bool:
    """Try to wait at the first places as long as possible, and at the others not at all."""
    choices = [choice for place in places if (choice := attempts.at(place)) is not None]
    scales = [_durations(attempts.best.config, each) for each in choices]
    left = sum(scale[each.value] for scale, each in zip(scales, choices, strict=True))
    values: dict[Place, int] = {}
    for scale, each in zip(scales, choices, strict=True):
        value = values[place_of(each)] = min(bisect_left(scale, left), len(scale) - 1)
        left = max(0, left - scale[value])
    return all(values.values()) or attempts.with_values(values)


def merge(attempts: Attempts) -> None:
    """Replace two waits of an actor by one that is as long as both."""
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
    """Return a key that is equal for choices whose waits can replace each other."""
    key = parse_key(choice.key)
    return choice.key if key.kind == "random" else key.process


def _durations(config: Config, choice: Choice) -> Sequence[int]:
    """Return the duration of each value of a choice; nothing if its values are not durations.

    Random numbers count as durations, too: scenarios draw how long they sleep.
    """
    drawn = word_of(choice.key).kind == "random"
    return range(choice.of) if drawn else _ladder_of(config, choice)


def _ladder_of(config: Config, choice: Choice) -> Sequence[int]:
    longest = KINDS[word_of(choice.key).kind].longest
    if longest is None:
        return ()
    duration: timedelta = getattr(config, longest)
    return ladder(duration // timedelta(microseconds=1))


# --- smaller values -------------------------------------------------------------------------------


def lower(attempts: Attempts) -> None:
    """Make values smaller: all of them 1 at once, or else each by itself, the last first."""
    choices = attempts.best.choices
    if attempts.with_values({place_of(each): 1 for each in choices}):
        return
    for place in [place_of(each) for each in reversed(choices)]:
        _lower_one(attempts, place)


def _lower_one(attempts: Attempts, place: Place) -> None:
    """Try 1, then smaller values of each part, the most significant part first."""
    choice = attempts.at(place)
    if choice is None or choice.value == 1 or _try(attempts, place, 1):
        return
    word = word_of(place[0])
    for index in reversed(range(len(parts_of(word, choice.value)))):
        choice = attempts.at(place)
        if choice is not None:
            _lower_part(attempts, place, parts_of(word, choice.value), index)


def _lower_part(attempts: Attempts, place: Place, parts: tuple[int, ...], index: int) -> None:
    """Look for the smallest value of one part that is enough, 0 first."""

    def enough(part: int) -> bool:
        changed = (*parts[:index], part, *parts[index + 1 :])
        return _try(attempts, place, value_of(word_of(place[0]), changed))

    least(parts[index], enough)


def least(known: int, enough: Callable[[int], bool]) -> int:
    """Return a value near the smallest that is enough, if every larger value is enough, too."""
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
    """Return whether the runs that are left are needed to find out which choices are needed."""
    return attempts.left <= len(attempts.best.choices) + 1
