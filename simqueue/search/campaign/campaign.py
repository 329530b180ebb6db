"""A campaign: many runs of one scenario, and one trace of each way in which they fail."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta

from simqueue.model.config import Config
from simqueue.search.campaign.known import Known, load_known
from simqueue.search.campaign.order import Means, Order
from simqueue.search.campaign.tally import Campaign
from simqueue.search.campaign.turns import Watcher, play_campaigns
from simqueue.search.planning.strategies import DEFAULT
from simqueue.sim.run import Scenario


def fuzz(
    scenario: Scenario,
    *,
    runs: int = 100,
    seed: int = 0,
    config: Config = Config(),  # noqa: B008  frozen
    processes: int = 1,
    dask: str | None = None,
    target: str = "",
    time_limit: timedelta | None = None,
    run_limit: timedelta | None = None,
    strategy: str = DEFAULT,
    shard: tuple[int, int] = (1, 1),
    known: Known | str | os.PathLike[str] = Known(),  # noqa: B008  frozen
    state: str | os.PathLike[str] | None = None,
    resume: bool = False,
    until_failure: bool = False,
    on_progress: Callable[[Campaign], None] | None = None,
) -> Campaign:
    """Play many runs, numbered from ``seed`` on.

    The result is the same for any ``processes`` and ``dask``, and however often it was resumed,
    unless time runs out or something outlives the runs.

    A failure is played again in a process where no run came before. If the result differs there,
    ``Campaign.leaks`` names the state that outlives the runs, and later runs are played in such
    processes.

    Args:
        scenario: an async function of one ``Simulation``.
        runs: how many to play, those of other shards included.
        seed: the first one's; most strategies go on with the next seed.
        config: what each run is allowed to do.
        processes: how many to run at a time, each in a process forked from this one.
        dask: the address of a Dask scheduler whose workers play the runs instead; they find the
            scenario by ``target``.
        target: what traces call the scenario.
        time_limit: begin no more runs after this much real time.
        run_limit: give up a run, and its process, after this much real time: five minutes, unless
            runs are played in this process, which they are if there is one and no limit is given.
        strategy: ``auto``, ``random``, ``pct:D``, ``exhaustive:K`` or ``calm``.
        shard: (K, N) plays the K-th of N parts of the runs.
        known: failures that are accepted, or the file that ``simqueue accept`` wrote. Those of
            ``target`` are counted and not kept; broken invariants among them end no run.
        state: a directory that holds the states of campaigns, in a file for each.
        resume: go on from this campaign's state there, with at least as many runs. Runs
            that were lost because their process was killed from outside are played again.
        until_failure: begin no more runs after one that fails in a way that is not known.
        on_progress: called after each run with the campaign so far.

    Raises:
        TargetError: ``scenario`` is not an async function.
        UsageError: a number makes no sense, or ``known`` or ``state`` cannot be used.
        ClusterError: Dask cannot carry the campaign out, or not to its end.

    Example:
        >>> simqueue.fuzz(scenario, runs=20).failures
        ()
    """
    order = Order(
        scenario=scenario,
        target=target,
        config=config,
        runs=runs,
        seed=seed,
        strategy=strategy,
        shard=shard,
        known=known if isinstance(known, Known) else load_known(known),
        until_failure=until_failure,
    )
    means = Means(
        processes=processes,
        dask=dask,
        time_limit=time_limit,
        run_limit=run_limit,
        state=None if state is None else os.fspath(state),
        resume=resume,
    )
    watcher = Watcher()
    if on_progress is not None:
        watcher = Watcher(on_result=lambda _, campaign: on_progress(campaign))
    (campaign,) = play_campaigns([order], means, watcher)
    return campaign
