"""The runs of campaigns, played in this process or by forked ones; results come one by one."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, nullcontext
from time import perf_counter

from simqueue.errors import UsageError
from simqueue.search.planning.plan import Plan
from simqueue.search.planning.result import Result
from simqueue.search.processes.clean import GoneError
from simqueue.search.processes.crew import Crew
from simqueue.search.processes.output import Output
from simqueue.search.processes.player import NO_JUDGE, Job, Judging, Player
from simqueue.search.processes.workload import Workload

RUN_LIMIT_S = 300.0
"""Real seconds that a process may take for one run."""

InTurns = Generator[tuple[Workload, Result | None], None, None]
"""Results with their workloads; None instead of a result when a workload has ended."""


def default_processes() -> int:
    """Return how many processes can play at a time: one for each core that this one may use.

    One if this process cannot be forked, or if a debugger or a tracer such as coverage is active in
    it, which would not see other processes.
    """
    can_fork = "fork" in multiprocessing.get_all_start_methods()
    if not can_fork or sys.gettrace() is not None or "pydevd" in sys.modules:
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_turns_here(loads: Sequence[Workload], *, capture: bool = False) -> InTurns:
    """Play runs of workloads in this process, next of the one that has had the least time."""
    with ExitStack() as stack:
        output = stack.enter_context(Output()) if capture else None
        players = {
            id(load): Player(
                load.job, load.accepted, stack.enter_context(load.judging()), output=output
            )
            for load in loads
        }
        left = list(loads)
        while left:
            load = min(left, key=lambda each: each.spent_s)
            assignments = [] if load.over else load.plan.take(1)
            if not assignments:
                left.remove(load)
                yield load, None
                continue
            began = perf_counter()
            try:
                result = players[id(load)].play(assignments[0])
            except GoneError:
                raise UsageError(NO_JUDGE) from None
            load.learn(result, perf_counter() - began)
            yield load, result


def in_turns_by_processes(
    loads: Sequence[Workload],
    processes: int,
    *,
    run_limit: float = RUN_LIMIT_S,
    capture: bool = False,
) -> InTurns:
    """Play runs of workloads in forked processes, in turns; results come as they are ready.

    If a process ends, or takes longer than ``run_limit`` real seconds for one run, that run is
    lost; another process plays the rest of its chunk. A run whose process was killed from outside
    is played again.

    Raises:
        UsageError: this platform cannot fork, or has no room for a single process.
        Exception: an error that a job raised.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        raise UsageError("this platform cannot fork: use one process")
    size = max(1, min(processes, sum(load.runs for load in loads)))
    crew = Crew(loads, size, run_limit, capture)
    try:
        yield from crew.results()
    finally:
        crew.dismiss()


def results_here(
    job: Job,
    plan: Plan,
    accepted: frozenset[str] = frozenset(),
    judging: Judging = nullcontext,
) -> Generator[Result, None, None]:
    """Play one plan's runs in this process, in their order."""
    for _, result in in_turns_here([Workload(job, plan, 0, accepted, judging)]):
        if result is not None:
            yield result
