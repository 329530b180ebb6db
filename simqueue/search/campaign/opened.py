"""An opened campaign: its plan, its tally and its state while its runs are played."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from simqueue.search.campaign.journal import kept
from simqueue.search.campaign.order import Means, Order
from simqueue.search.campaign.resumption import Resumption
from simqueue.search.campaign.stage import Stage
from simqueue.search.campaign.statelines import Ended
from simqueue.search.campaign.tally import Campaign, Tally
from simqueue.search.planning.assignment import Assignment
from simqueue.search.planning.coverage import Evidence
from simqueue.search.planning.plan import Plan
from simqueue.search.planning.plans import Play
from simqueue.search.planning.result import Result
from simqueue.search.planning.share import Share
from simqueue.search.planning.strategy import Strategy
from simqueue.search.processes.alone import alone_for
from simqueue.search.processes.workers import RUN_LIMIT_S
from simqueue.search.processes.workload import Workload

_HOPELESS = 16
"""A campaign is given up when this many runs in a row are lost with their processes."""


class OpenedCampaign:
    """A campaign that is being played.

    Args:
        order: the campaign. means: how it is played. stack: closes its state.
        shared: how many campaigns share the processes; the time is divided among them.
    """

    def __init__(self, order: Order, means: Means, stack: ExitStack, shared: int = 1) -> None:
        self.order, self._means, self._shared = order, means, shared
        identity = order.identity()
        self.config, self.accepted = identity.config, frozenset(identity.accepted)
        limit = means.run_limit
        self.limit_s = RUN_LIMIT_S if limit is None else limit.total_seconds()
        self._began = time.perf_counter()
        session = order.session()
        self._journal = stack.enter_context(
            kept(means.state, identity, session, resume=means.resume)
        )
        if order.keeping is not None and means.state is not None:
            order.keeping.journal = self._journal.append
            stack.callback(setattr, order.keeping, "journal", None)
        stored = self._journal.stored
        self._stored, self._unheard = stored.known(), stored.open_runs()
        self._share = Share.of(order.seed, max(order.runs, stored.extent()), order.shard)
        evidence = Evidence(wanted=session.wanted)
        self.tally = Tally(self.elapsed, order.known.of(order.target), evidence)
        self.tally.resume(self._stored.values())
        self.ended: Campaign | None = None
        self.load = self._workload()

    def _workload(self) -> Workload:
        """Return its runs, to be played by processes of this machine."""
        order, means = self.order, self._means
        limit_s = None if means.in_this_process else self.limit_s
        search = Strategy.named(order.strategy)
        stage = Stage(order.scenario, order.seed, self.config, order.target, search, limit_s)
        judging = partial(alone_for, order.scenario, self.config, order.target, self.limit_s)
        plan = LazyPlan(lambda: self.plan(stage.survey))
        return Workload(stage.play, plan, self.left, self.accepted, judging)

    def plan(self, survey: Play) -> Plan:
        """Return the plan of the runs that are not in the state; ``survey`` plays its survey."""
        search = Strategy.named(self.order.strategy)
        return Resumption(search.plan(self._share, survey), self._stored)

    @property
    def left(self) -> int:
        """How many runs were left to play when it was opened."""
        return len(self._share.numbers()) - len(self._stored)

    def elapsed(self) -> float:
        """Return its real seconds since it was opened; if it shares processes, its part of them."""
        if self._shared == 1:
            return time.perf_counter() - self._began
        return self.load.spent_s / self._means.processes

    def take(self, result: Result) -> None:
        """Write a result to the state and count it; end the campaign after its last run."""
        self._journal.append(result)
        self._unheard.pop(result.number, None)
        self.tally.add(result)
        if self._is_hopeless() or (self.order.until_failure and self.tally.failures):
            self.load.over = True

    def _is_hopeless(self) -> bool:
        return self.tally.lost_in_a_row >= _HOPELESS

    def end(self) -> Campaign:
        """Write the end of the session to the state; return the campaign."""
        if self.ended is None:
            given_up = f"given up: {_HOPELESS} runs in a row were lost with their processes"
            remarks = (*self.load.plan.remarks(), *([given_up] if self._is_hopeless() else []))
            self._journal.append(Ended(self.tally.elapsed(), remarks))
            self.tally.resume(self._unheard.values())  # not played in time: they are still lost
            campaign = self.tally.whole_campaign(self.config)
            self.ended = replace(
                campaign,
                said=(*self._journal.notes, *remarks),
                opening=tuple(self._journal.opening),
            )
        return self.ended


class LazyPlan:
    """A plan that is made when it is first needed, since making some plans takes a run."""

    def __init__(self, make: Callable[[], Plan]) -> None:
        self._make = make
        self._plan: Plan | None = None

    def take(self, count: int) -> list[Assignment]:
        """Return the next runs."""
        if self._plan is None:
            self._plan = self._make()
        return self._plan.take(count)

    def learn(self, result: Result) -> None:
        """Pass on the result of a run that was handed out."""
        assert self._plan is not None  # noqa: S101  it has handed one out
        self._plan.learn(result)

    def remarks(self) -> list[str]:
        """Return the plan's remarks; none if the plan was never needed."""
        return [] if self._plan is None else self._plan.remarks()
