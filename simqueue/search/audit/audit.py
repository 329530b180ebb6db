"""Plays one seed under different conditions, which must not change the run."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from simqueue.model.config import Config
from simqueue.model.findings import Difference
from simqueue.model.trace import Trace
from simqueue.report.difference import first_difference
from simqueue.search.audit.causes import find_causes
from simqueue.search.audit.recordings import Recordings
from simqueue.search.target import Target
from simqueue.sim.run import run

HASH_SEEDS = ("0", "1", "2", "random")
_JUNK = 20_000


@dataclass(frozen=True, slots=True)
class Circumstance:
    """Another run of the seed: its conditions, and its first difference from the first run."""

    name: str
    difference: Difference | None


@dataclass(frozen=True, slots=True)
class Audit:
    """The first run, and how each of the others compares with it.

    ``causes`` are sentences that name what makes runs differ, if two of them do.
    """

    trace: Trace
    circumstances: tuple[Circumstance, ...]
    causes: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether all runs are equal."""
        return all(circumstance.difference is None for circumstance in self.circumstances)


def audit(
    target: Target,
    *,
    seed: int = 0,
    config: Config = Config(),  # noqa: B008  frozen
    on_progress: Callable[[Circumstance], None] | None = None,
) -> Audit:
    """Play one seed here, again with another heap, and in fresh processes with other hash seeds.

    Raises:
        UsageError: a fresh process could not play it.
    """
    first = _run(target, seed, config)
    circumstances = []
    for name, trace in _others(target, seed, config):
        circumstances.append(Circumstance(name, first_difference(first, trace)))
        if on_progress is not None:
            on_progress(circumstances[-1])
    differ = [circumstance.difference is not None for circumstance in circumstances]
    if not any(differ):
        return Audit(first, tuple(circumstances))
    _, moved, *_ = differ
    recordings = Recordings(target.name, seed, config)
    causes = find_causes(recordings, fresh=any(differ[1:]), addresses=moved)
    return Audit(first, tuple(circumstances), causes)


def _run(target: Target, seed: int, config: Config) -> Trace:
    return run(target.scenario, seed=seed, config=config, target=target.name).trace


def _others(target: Target, seed: int, config: Config) -> Iterator[tuple[str, Trace]]:
    junk = _disturb()
    yield "again, with a disturbed heap", _run(target, seed, config)
    del junk
    recordings = Recordings(target.name, seed, config)
    for hash_seed in HASH_SEEDS:
        yield f"fresh process, PYTHONHASHSEED={hash_seed}", recordings.record(hash_seed).trace


def _disturb() -> list[object]:
    """Leave holes in the heap, so that later objects have other addresses."""
    junk: list[object] = [[object()] * (number % 7) for number in range(_JUNK)]
    del junk[::3]
    gc.collect()
    return junk
