"""Campaigns in turns: several are played at the same time, a few runs of each in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass

from simqueue.search.campaign.opened import OpenedCampaign
from simqueue.search.campaign.order import Means, Order
from simqueue.search.campaign.tally import Campaign
from simqueue.search.planning.result import Result
from simqueue.search.processes.clean import clean_for
from simqueue.search.processes.workers import InTurns, in_turns_by_processes, in_turns_here


@dataclass(frozen=True, slots=True)
class Watcher:
    """Callbacks while campaigns are played; each gets an order and its campaign so far.

    ``on_result`` after each result, ``on_end`` when no run of it is left.
    """

    on_result: Callable[[Order, Campaign], object] = lambda *_: None
    on_end: Callable[[Order, Campaign], object] = lambda *_: None


def play_campaigns(
    orders: Sequence[Order],
    means: Means,
    watcher: Watcher = Watcher(),
) -> list[Campaign]:
    """Play campaigns in turns; the result of each is the same as if it were played alone.

    When ``means.time_limit`` is over, no more runs are begun. At least one run is played before.
    On a Dask cluster there can be one order.

    Raises:
        UsageError: a number makes no sense, or the known failures or a state cannot be used.
        ClusterError: Dask cannot carry a campaign out, or not to its end.
    """
    for order in orders:
        order.check()
        means.check(order)
    began = time.perf_counter()
    with ExitStack() as stack:
        opened = [OpenedCampaign(order, means, stack, len(orders)) for order in orders]
        by_load = {id(each.load): each for each in opened}
        results = stack.enter_context(closing(_results(opened, means, stack)))
        for load, result in results:
            campaign = by_load[id(load)]
            if result is None:
                watcher.on_end(campaign.order, campaign.end())
                continue
            campaign.take(result)
            watcher.on_result(campaign.order, campaign.tally.campaign())
            if means.is_over(time.perf_counter() - began):
                break
        return [each.end() for each in opened]


def _results(opened: Sequence[OpenedCampaign], means: Means, stack: ExitStack) -> InTurns:
    if means.dask is not None:
        (campaign,) = opened
        return _results_of_dask(campaign, means.dask, stack)
    stack.enter_context(clean_for(*(each.order.scenario for each in opened)))
    loads = [each.load for each in opened]
    if means.in_this_process:
        return in_turns_here(loads, capture=means.capture)
    limit_s = opened[0].limit_s
    return in_turns_by_processes(loads, means.processes, run_limit=limit_s, capture=means.capture)


def _results_of_dask(campaign: OpenedCampaign, address: str, stack: ExitStack) -> InTurns:
    from simqueue.search.dask.cluster import results_of_dask, surveys  # Dask need not be installed
    from simqueue.search.dask.playing import Work  # which only POSIX can

    order = campaign.order
    work = Work.of(order.scenario, order.target, campaign.config)
    plan = campaign.plan(stack.enter_context(surveys(work, order.seed)))
    campaign.load.plan = plan
    results = results_of_dask(
        work, plan, address, campaign.accepted, runs=campaign.left, run_limit=campaign.limit_s
    )
    return _marked(campaign, results)


def _marked(campaign: OpenedCampaign, results: Generator[Result, None, None]) -> InTurns:
    with closing(results):
        for result in results:
            yield campaign.load, result
            if campaign.load.over:
                return
    yield campaign.load, None
