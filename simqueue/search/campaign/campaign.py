"""A campaign: many runs of one scenario, and one trace of each way in which they fail."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from simqueue.choices import Calm, Source
from simqueue.choices.survey import Survey
from simqueue.errors import TargetError, UsageError
from simqueue.model.config import Config
from simqueue.search.campaign.journal import kept
from simqueue.search.campaign.known import Known, load_known
from simqueue.search.campaign.resumption import Resumption
from simqueue.search.campaign.statelines import Ended, Identity, Session
from simqueue.search.campaign.tally import Campaign, Tally
from simqueue.search.planning.assignment import Assignment, source_of
from simqueue.search.planning.coverage import Evidence
from simqueue.search.planning.share import Share
from simqueue.search.planning.sometimes import fingerprint, moments_in
from simqueue.search.planning.strategies import DEFAULT
from simqueue.search.planning.strategy import Strategy
from simqueue.search.processes.alone import alone_for
from simqueue.search.processes.clean import LostError, clean_for
from simqueue.search.processes.workers import (
    RUN_LIMIT_S,
    rehearse,
    results_here,
    results_of_processes,
)
from simqueue.sim.run import SEED_MAX, Run, Scenario, is_scenario, run, version_of

if TYPE_CHECKING:
    from simqueue.search.dask.playing import Work

_HOPELESS = 16
"""A campaign ends when so many runs in a row are lost with their processes."""


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

    The result is the same whatever ``processes`` and ``dask`` are, and however often it was
    resumed, unless time runs out or something outlives the runs.

    A failure is played again in a process where no run came before. If it is not the same there,
    ``Campaign.leaks`` says what outlives the runs, and the runs after it are played in such
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
        state: a directory that holds what is known of campaigns, in a file for each.
        resume: go on from what is known there of this one, with no fewer runs than there are. Runs
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
    _check_numbers(runs, seed, processes)
    share = Share.of(seed, runs, shard)
    search = Strategy.named(strategy)
    known = known if isinstance(known, Known) else load_known(known)
    identity = identity_of(target, config, known, strategy=str(search), seed=seed, shard=shard)
    config, accepted = identity.config, frozenset(identity.accepted)
    tally = Tally(time.perf_counter(), known.of(target), Evidence(wanted=moments_in(scenario)))

    here = processes == 1 and run_limit is None
    limit_s = RUN_LIMIT_S if run_limit is None else run_limit.total_seconds()
    stage = _Stage(scenario, seed, config, target, search, None if here else limit_s)
    over = _Ending(time_limit, until_failure)
    session = session_of(scenario, known, target, runs)
    work = None if dask is None else _work(scenario, target, config, processes)
    with ExitStack() as stack:
        journal = stack.enter_context(kept(state, identity, session, resume=resume))
        share = replace(share, runs=max(runs, journal.stored.extent()))
        stored = journal.stored.known()
        tally.resume(stored.values())
        unheard = journal.stored.open_runs()
        left = len(share.numbers()) - len(stored)
        if work is not None and dask is not None:
            from simqueue.search.dask.cluster import (  # only who asks needs Dask
                results_of_dask,
                surveys,
            )

            plan = Resumption(search.plan(share, stack.enter_context(surveys(work, seed))), stored)
            results = results_of_dask(work, plan, dask, accepted, runs=left, run_limit=limit_s)
        else:
            stack.enter_context(clean_for(scenario))
            plan = Resumption(search.plan(share, stage.survey), stored)
            judging = partial(alone_for, scenario, config, target, limit_s)
            results = (
                results_here(stage.play, plan, accepted, judging)
                if here
                else results_of_processes(
                    stage.play,
                    plan,
                    processes,
                    accepted,
                    runs=left,
                    run_limit=limit_s,
                    judging=judging,
                )
            )
        for result in stack.enter_context(closing(results)):
            journal.append(result)
            unheard.pop(result.number, None)
            tally.add(result)
            if on_progress is not None:
                on_progress(tally.campaign())
            if over.has_come(tally):
                break
        said = (*plan.remarks(), *over.remarks())
        journal.append(Ended(tally.elapsed(), said))
        tally.resume(unheard.values())  # there was no time for them: they are still lost
        campaign = tally.whole_campaign(config)
        return replace(campaign, said=(*journal.notes, *said), opening=tuple(journal.opening))


def _work(scenario: Scenario, target: str, config: Config, processes: int) -> Work:
    if processes != 1:
        raise UsageError(
            "processes and dask exclude each other: it is for Dask's workers to be many"
        )
    if not target:
        raise UsageError("dask needs target='path/file.py:function': workers load it by name")
    if not is_scenario(scenario):
        raise TargetError(target, "is not an `async def` function of one Simulation")
    from simqueue.search.dask.playing import Work  # which only POSIX can

    return Work.of(scenario, target, config)


@dataclass(slots=True)
class _Stage:
    """Plays the runs of a scenario. ``limit_s`` is None if none has a process of its own."""

    scenario: Scenario
    seed: int
    config: Config
    target: str
    strategy: Strategy
    limit_s: float | None
    rehearsed: bool = False

    def play(self, assignment: Assignment) -> Run:
        """Play an assignment."""
        return self._run(assignment.seed, source_of(assignment))

    def survey(self, source: Survey) -> Run:
        """Play the first seed in this process, or, if runs have their own, where none came before.

        That the process outlives it has been seen before.
        """
        if self.limit_s is None:
            return self._run(self.seed, source)
        if not self.rehearsed:
            self._rehearse(self.limit_s)
        with clean_for(self.scenario) as clean:
            if clean is None:
                return self._run(self.seed, source)
            survey = partial(surveyed, source, self.seed, self.config, self.target)
            try:
                filled, played = clean.ask(self.scenario, survey)
            except LostError:
                return self._run(self.seed, source)
        vars(source).update(vars(filled))
        return played

    def _rehearse(self, limit_s: float) -> None:
        def play() -> Run:
            return self._run(self.seed, Calm())

        # The second is for one that was killed from outside.
        lost = rehearse(play, limit_s) and rehearse(play, limit_s)
        if lost:
            raise UsageError(
                f"the calm run, which tells strategy {self.strategy} what there is to choose, is "
                f"lost: its process {lost}; choose strategy random"
            )
        self.rehearsed = True

    def _run(self, seed: int, source: Source) -> Run:
        return run(self.scenario, seed=seed, config=self.config, choices=source, target=self.target)


def surveyed(
    survey: Survey, seed: int, config: Config, target: str, scenario: Scenario
) -> tuple[Survey, Run]:
    """Play a run whose picks are written down; return both."""
    return survey, run(scenario, seed=seed, config=config, choices=survey, target=target)


@dataclass(slots=True)
class _Ending:
    """When a campaign ends before all of its runs are played."""

    time_limit: timedelta | None
    until_failure: bool
    hopeless: bool = False

    def has_come(self, tally: Tally) -> bool:
        """Return whether no more runs are to be begun."""
        self.hopeless = tally.lost_in_a_row >= _HOPELESS
        late = self.time_limit is not None and tally.elapsed() >= self.time_limit.total_seconds()
        return late or self.hopeless or (self.until_failure and bool(tally.found))

    def remarks(self) -> list[str]:
        """Say so if a campaign was given up."""
        if not self.hopeless:
            return []
        return [f"given up: {_HOPELESS} runs in a row were lost with their processes"]


def identity_of(
    target: str, config: Config, known: Known, *, strategy: str, seed: int, shard: tuple[int, int]
) -> Identity:
    """Return what makes a campaign the one it is."""
    accepted = tuple(sorted(known.of(target)))
    return Identity(target, known.survived_by(config, target), strategy, seed, shard, accepted)


def session_of(scenario: Scenario, known: Known, target: str, runs: int) -> Session:
    """Return what a campaign is played with now."""
    return Session(
        simqueue=version_of("simqueue"),
        pgqueuer=version_of("pgqueuer"),
        python=platform.python_version(),
        source=fingerprint(scenario),
        wanted=moments_in(scenario),
        known=tuple(known.of(target).values()),
        known_file=known.file,
        runs=runs,
    )


def _check_numbers(runs: int, seed: int, processes: int) -> None:
    if runs < 1:
        raise UsageError(f"runs must be 1 or more, not {runs}")
    if processes < 1:
        raise UsageError(f"processes must be 1 or more, not {processes}")
    if not 0 <= seed <= SEED_MAX - runs + 1:
        raise UsageError(
            f"seeds must lie between 0 and {SEED_MAX}; {runs} of them from {seed} do not"
        )
