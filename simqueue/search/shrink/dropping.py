"""Dropping: passes that leave out choices, by the group or one by one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import msgspec

from simqueue.model.choice import Choice
from simqueue.model.choice_key import parse_key, word_of
from simqueue.model.config import Config, Faults
from simqueue.model.fault import FaultKind
from simqueue.search.shrink.attempts import Attempts, Place, place_of

Grouping = Callable[[Choice], Hashable]


def _actor_and_kind(choice: Choice) -> Hashable:
    return parse_key(choice.key).process, word_of(choice.key).text


GROUPINGS: tuple[Grouping, ...] = (
    lambda choice: word_of(choice.key).text,
    lambda choice: parse_key(choice.key).process,
    _actor_and_kind,
    lambda choice: choice.key,
)
"""From the coarsest to the finest."""


def drop_all(attempts: Attempts) -> bool:
    """Try the calm run, without faults if that is enough."""
    config = attempts.best.config
    return attempts.adopt((), _suffering(config, ())) or attempts.adopt((), config)


def drop_faults(attempts: Attempts) -> None:
    """Try to do without any fault, then without the kinds of which none has struck."""
    config, choices = attempts.best.config, attempts.best.choices
    spared = [each for each in choices if not _is_about_a_fault(each)]
    if not attempts.adopt(spared, _suffering(config, ())):
        drop_idle_faults(attempts)


def drop_idle_faults(attempts: Attempts) -> None:
    """Try to take from the configuration what is not chosen to strike."""
    config, choices = attempts.best.config, attempts.best.choices
    struck = {_fault_of(each) for each in choices if _is_about_a_fault(each)}
    kinds = tuple(kind for kind in config.faults.kinds if kind in struck)
    attempts.adopt(choices, _suffering(config, kinds))


def _suffering(config: Config, kinds: tuple[FaultKind, ...]) -> Config:
    return msgspec.structs.replace(config, faults=Faults(kinds))


def _is_about_a_fault(choice: Choice) -> bool:
    return word_of(choice.key).nature == "fault"


def _fault_of(choice: Choice) -> str:
    return word_of(choice.key).fault


def cut_tail(attempts: Attempts) -> None:
    """Look for the shortest beginning of the choices after which calm is enough."""
    low, high = 0, len(attempts.best.choices)
    while low < high:
        middle = (low + high) // 2
        if attempts.adopt(attempts.best.choices[:middle]):
            high = len(attempts.best.choices)
        else:
            low = middle + 1


def keep_one_group(attempts: Attempts, grouping: Grouping) -> None:
    """Look for a group that fails alike on its own, from the smallest on."""
    groups = _groups(attempts, grouping)
    if len(groups) > 1:
        every = {place for group in groups for place in group}
        any(attempts.without(every.difference(group)) for group in reversed(groups))


def drop_groups(attempts: Attempts, grouping: Grouping) -> None:
    """Leave out groups, from the largest on."""
    _drop(attempts, _groups(attempts, grouping))


def drop_each(attempts: Attempts) -> None:
    """Leave out choices, from the last on: what comes before one does not depend on it."""
    _drop(attempts, [[place_of(each)] for each in reversed(attempts.best.choices)])


def _groups(attempts: Attempts, grouping: Grouping) -> list[list[Place]]:
    groups: dict[Hashable, list[Place]] = {}
    for each in attempts.best.choices:
        groups.setdefault(grouping(each), []).append(place_of(each))
    return sorted(groups.values(), key=len, reverse=True)


def _drop(attempts: Attempts, groups: Sequence[Sequence[Place]]) -> None:
    """Leave out groups, as many neighbours at once as can be."""
    start = 0
    while start < len(groups):
        rest = groups[start:]

        def works(count: int, rest: Sequence[Sequence[Place]] = rest) -> bool:
            return attempts.without(place for group in rest[:count] for place in group)

        # The one after those that could be left out is needed.
        start += most(len(rest), works) + 1


def most(limit: int, works: Callable[[int], bool]) -> int:
    """Return how many can be left out at most, of ``limit``, if fewer can where more can."""
    good, step = 0, 1
    while good < limit and works(good + min(step, limit - good)):
        good += min(step, limit - good)
        step *= 2
    bad = min(good + step, limit + 1)
    while good + 1 < bad:
        middle = (good + bad) // 2
        if works(middle):
            good = middle
        else:
            bad = middle
    return good
