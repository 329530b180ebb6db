"""Finds out why runs of one seed differ, by changing one condition at a time."""

from __future__ import annotations

from collections.abc import Iterable

from simqueue.report.difference import first_difference
from simqueue.search.audit.recordings import Recording, Recordings
from simqueue.search.audit.set_orders import parted

HASH_SEED = "PYTHONHASHSEED decides: the order of a set of str, bytes, dates, paths or enum members"
ADDRESSES = (
    "addresses in memory decide: the order of a set of functions, methods, classes or objects "
    "without a __hash__ of their own (before Python 3.12 also of what holds None), or id()"
)
PROCESS = (
    "what the first run left in its process decides, since fresh processes agree: variables of "
    "modules, caches, class attributes; or the order of a set of objects without a __hash__"
)
OUTSIDE = (
    "even runs under the same PYTHONHASHSEED differ: the order of a set of objects without a "
    "__hash__ of their own, id(), or something outside the run: a clock, thread or generator of a "
    "C extension, a file, the network"
)
_SEEDS = ("1", "2")


def find_causes(recordings: Recordings, *, fresh: bool, addresses: bool) -> tuple[str, ...]:
    """Return a sentence for each cause of a difference. Plays more runs in fresh processes.

    First nothing is changed, then only PYTHONHASHSEED, then only addresses: if runs differ then,
    that is a cause.

    Args:
        recordings: plays the seed.
        fresh: whether a run in a fresh process differed.
        addresses: whether one differed under the same PYTHONHASHSEED, at other addresses.
    """
    if not fresh:
        return (PROCESS,)
    base = recordings.record("0", fixed=True, sets=True)
    if addresses:
        same = recordings.record("0", fixed=True, sets=True)
        if _differ(base, same):
            return (_with_set(base, same, OUTSIDE),)
    causes = []
    others = (recordings.record(seed, fixed=True, sets=True) for seed in _SEEDS)
    if (other := _first_other(base, others)) is not None:
        causes.append(_with_set(base, other, HASH_SEED))
    moved = (recordings.record("0", sets=True) for _ in _SEEDS if addresses)
    if (other := _first_other(base, moved)) is not None:
        causes.append(_with_set(base, other, ADDRESSES))
    return tuple(causes) or (OUTSIDE,)


def _first_other(base: Recording, others: Iterable[Recording]) -> Recording | None:
    return next((other for other in others if _differ(base, other)), None)


def _differ(one: Recording, other: Recording) -> bool:
    return first_difference(one.trace, other.trace) is not None


def _with_set(one: Recording, other: Recording, cause: str) -> str:
    """Return a cause, with the set whose order may have made two runs part."""
    difference = first_difference(one.trace, other.trace)
    before = 0 if difference is None else difference.number
    order = parted(one.orders, other.orders, before)
    if order is None:
        return cause
    return (
        f"the order of a set of {order.of}, {order.name} at {order.place}, is the last to differ "
        f"before the runs do; {cause}"
    )
