"""Strategies for Hypothesis: seeds, faults and configs, drawn like a test's other inputs."""

from __future__ import annotations

from datetime import timedelta

import msgspec

import simqueue.sim.run  # noqa: F401  loads PgQueuer now: in the first example it would exceed the deadline

try:
    from hypothesis import strategies as st
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "simqueue.hypothesis needs Hypothesis: pip install 'simqueue[hypothesis]'", name=error.name
    ) from None

from simqueue.model.config import Config, Faults

__all__ = ["configs", "faults", "seeds"]

_LARGEST_SEED = 999
_HOPS_US_MAX = 20_000
_DELAYS_US_MAX = 500_000


def seeds(largest: int = _LARGEST_SEED) -> st.SearchStrategy[int]:
    """Draw a run's seed, from 0 to ``largest``; shrinks to smaller seeds."""
    # All seeds are equally good, and Hypothesis seldom shrinks a huge seed to a small one.
    return st.integers(0, largest)


def faults(among: Faults | str = "production") -> st.SearchStrategy[Faults]:
    """Draw some of the kinds in ``among``, text for ``Faults.named``; shrinks to fewer kinds.

    Raises:
        UsageError: no preset and no kind of fault has that name.
    """
    kinds = (among if isinstance(among, Faults) else Faults.named(among)).kinds
    return st.tuples(*(st.booleans() for _ in kinds)).map(
        lambda chosen: Faults(
            tuple(kind for kind, is_in in zip(kinds, chosen, strict=True) if is_in)
        )
    )


def configs(
    base: Config = Config(),  # noqa: B008  frozen
    *,
    among: Faults | str = "none",
) -> st.SearchStrategy[Config]:
    """Draw the network's speed, how late timers fire, and faults; other fields come from ``base``.

    Shrinks to ``base``. The faults are those of ``base`` and some of ``among``.

    Raises:
        UsageError: no preset and no kind of fault has that name.
    """
    drawn = st.fixed_dictionaries(
        {
            "faults": faults(among).map(lambda more: _together(base.faults, more)),
            "hop": _durations(base.hop, _HOPS_US_MAX),
            "hop_max": _durations(base.hop_max, _DELAYS_US_MAX),
            "commit_max": _durations(base.commit_max, _DELAYS_US_MAX),
            "lag_max": _durations(base.lag_max, _DELAYS_US_MAX),
        }
    )
    return drawn.map(lambda settings: msgspec.structs.replace(base, **settings))


def _together(base: Faults, more: Faults) -> Faults:
    return Faults(tuple(dict.fromkeys((*base.kinds, *more.kinds)))) if more.kinds else base


def _durations(simplest: timedelta, us_max: int) -> st.SearchStrategy[timedelta]:
    return st.just(simplest) | st.integers(0, us_max).map(lambda us: timedelta(microseconds=us))
