"""Passes that drop choices, in groups or one by one."""

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
    """Try the calm run, without faults and then with them."""
    config = attempts.best.config
    return attempts.adopt((), _with_faults(config, ())) or attempts.adopt((), config)


def drop_faults(attempts: Attempts) -> None:
    """Try to drop all faults, then the kinds of fault that did not occur."""
    config, choices = attempts.best.config, attempts.best.choices
    others = [each for each in choices if not _is_about_a_fault(each)]
    if not attempts.adopt(others, _with_faults(config, ())):
        drop_idle_faults(attempts)


def drop_idle_faults(attempts: Attempts) -> None:
    """Try to remove the kinds of fault that did not occur from the config."""
    config, choices = attempts.best.config, attempts.best.choices
    occurred = {_fault_of(each) for each in choices if _is_about_a_fault(each)}
    kinds = tuple(kind for kind in config.faults.kinds if kind in occurred)
    attempts.adopt(choices, _with_faults(config, kinds))


def _with_faults(config: Config, kinds: tuple[FaultKind, ...]) -> Config:
    return msgspec.structs.replace(config, faults=Faults(kinds))


def _is_about_a_fault(choice: Choice) -> bool:
    return word_of(choice.key).nature == "fault"


def _fault_of(choice: Choice) -> str:
    return word_of(choice.key).fault


def cut_tail(attempts: Attempts) -> None:
    """Look for the shortest prefix of the choices that is enough."""
    low, high = 0, len(attempts.best.choices)
    while low < high:
        middle = (low + high) // 2
        if attempts.adopt(attempts.best.choices[:middle]):
            high = len(attempts.best.choices)
        else:
            low = middle + 1


def keep_one_group(attempts: Attempts, grouping: Grouping) -> None:
    """Look for a group that is enough by itself, the smallest first."""
    groups = _groups(attempts, grouping)
    if len(groups) > 1:
        every = {place for group in groups for place in group}
        any(attempts.without(every.difference(group)) for group in reversed(groups))


def drop_groups(attempts: Attempts, grouping: Grouping) -> None:
    """Drop groups, the largest first."""
    _drop(attempts, _groups(attempts, grouping))


def drop_each(attempts: Attempts) -> None:
    """Drop choices, the last first: earlier choices do not depend on later ones."""
    _drop(attempts, [[place_of(each)] for each in reversed(attempts.best.choices)])


def _groups(attempts: Attempts, grouping: Grouping) -> list[list[Place]]:
    groups: dict[Hashable, list[Place]] = {}
    for each in attempts.best.choices:
        groups.setdefault(grouping(each), []).append(place_of(each))
    return sorted(groups.values(), key=len, reverse=True)


def _drop(attempts: Attempts, groups: Sequence[Sequence[Place]]) -> None:
    """Drop groups, as many neighbours at once as possible."""
    start = 0
    while start < len(groups):
        rest = groups[start:]

        def works(count: int, rest: Sequence[Sequence[Place]] = rest) -> bool:
            return attempts.without(place for group in rest[:count] for place in group)

        # The one after those that were dropped is needed.
        start += most(len(rest), works) + 1


def most(limit: int, works: Callable[[int], bool]) -> int:
    """Return the largest count up to ``limit`` that works, if every smaller count works too."""
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
