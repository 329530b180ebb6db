"""Lowering: passes that change the values of choices, and thereby may do with fewer of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from datetime import timedelta

from simqueue.choices import ladder
from simqueue.model.choice import Choice, actor_of, kind_of
from simqueue.model.config import Config
from simqueue.search.attempts import Attempts, Place, place_of
from simqueue.search.dropping import cut_tail
from simqueue.sim.parts import parts_of, value_of

_STRETCHED = 12
_TRIED_FOR_A_PART = 10


# --- longer, so that others are not needed --------------------------------------------------------


def stretch(attempts: Attempts) -> None:
    """Make the last delays as long as can be.

    What goes wrong goes wrong while something is on its way. The longer that takes, the less has
    to be just so before.
    """
    delays = [each for each in attempts.best.choices if _rungs(attempts.best.config, each)]
    for place in [place_of(each) for each in reversed(delays[-_STRETCHED:])]:
        choice = attempts.at(place)
        if choice is not None and attempts.with_values({place: choice.of - 1}):
            cut_tail(attempts)


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
    for early in reversed(choices[: choices.index(late)]):
        value = _sum(config, early, late)
        if value is not None:
            left = [each for each in choices if each not in (early, late)]
            raised = Choice(late.key, late.position, value, late.of, late.at, late.event)
            attempts.adopt((*left, raised))
            return


def _sum(config: Config, early: Choice, late: Choice) -> int | None:
    """Return the value that stands for both, None if there is none."""
    if kind_of(late.key) == "random":
        value = early.value + late.value
        return value if (early.key, early.of) == (late.key, late.of) and value < late.of else None
    of_early, of_late = _rungs(config, early), _rungs(config, late)
    if not (of_early and of_late) or actor_of(early.key) != actor_of(late.key):
        return None
    value = bisect_left(of_late, of_early[early.value] + of_late[late.value])
    return value if value < len(of_late) else None


def _rungs(config: Config, choice: Choice) -> tuple[int, ...]:
    """Return the durations that a choice of this kind is among, none if it is of none."""
    match kind_of(choice.key):
        case "request" | "reply" | "notify":
            longest = config.hop_max
        case "commit":
            longest = config.commit_max
        case "lag":
            longest = config.lag_max
        case _:
            return ()
    return ladder(longest // timedelta(microseconds=1))


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
    kind = kind_of(place[0])
    for index in reversed(range(len(parts_of(kind, choice.value)))):
        choice = attempts.at(place)
        if choice is not None:
            _lower_part(attempts, place, parts_of(kind, choice.value), index)


def _lower_part(attempts: Attempts, place: Place, parts: tuple[int, ...], index: int) -> None:
    """Try 0, then what lies in the middle between too little and enough."""

    def enough(part: int) -> bool:
        changed = (*parts[:index], part, *parts[index + 1 :])
        return _try(attempts, place, value_of(kind_of(place[0]), changed))

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
