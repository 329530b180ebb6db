"""Running a marked test: its saved failures first, then its seeds.

This module and what it imports are loaded when the first marked test runs.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Any

import pytest

from simqueue.errors import DivergenceError, TraceFormatError, UsageError
from simqueue.model.trace import Trace
from simqueue.pytest_plugin import state
from simqueue.pytest_plugin.alone import left_behind, left_by_runs, wanted_of
from simqueue.pytest_plugin.failing import Frames, again_command, report
from simqueue.pytest_plugin.marker import config_of, seeds_of, strategy_of
from simqueue.pytest_plugin.output import fail, failure, remark
from simqueue.pytest_plugin.replaying import replay_trace
from simqueue.pytest_plugin.scenario import FIXTURE, MarkedTest
from simqueue.pytest_plugin.travels import Travels
from simqueue.report.story.story import render_story
from simqueue.search.campaign.campaign import fuzz
from simqueue.search.campaign.known import DEFAULT_FILE, load_known
from simqueue.search.campaign.tally import Campaign
from simqueue.search.nodes import PYTEST
from simqueue.search.processes.clean import clean_for
from simqueue.search.replay.regressions import play_again, saved_failures
from simqueue.search.replay.replayer import replay
from simqueue.search.shrink.shrinker import shrink_further

_SHRINKING = timedelta(seconds=30)


def play(item: pytest.Function, test: Callable[..., Any], fixtures: Mapping[str, Any]) -> None:
    """Run a marked test: with its seeds, as a trace recorded it, or alone in a forked process."""
    given = {name: value for name, value in fixtures.items() if name != FIXTURE}
    owner = getattr(test, "__self__", None)
    instance = None if inspect.isclass(owner) else owner
    travels = Travels.around(item.funcargs.values())
    scenario = MarkedTest(functools.partial(test, **given), instance, travels)
    trace, wanted = item.config.stash[state.TRACE], wanted_of(item.config)
    try:
        if wanted is not None:
            wanted.play(scenario)
        elif trace is None:
            with clean_for(scenario):
                _play_seeds(item, scenario)
        else:
            replay_trace(item, scenario, trace)
    except UsageError as error:
        raise failure(f"simqueue: {error}") from None
    finally:
        travels.end()


def _play_seeds(item: pytest.Function, scenario: MarkedTest) -> None:
    runs, seed = seeds_of(item)
    config = config_of(item)
    item.config.stash[state.DEBUGGED] = False
    known = load_known(item.config.rootpath / DEFAULT_FILE, missing_ok=True)
    _play_saved(item, scenario, known.of(PYTEST + item.nodeid))
    campaign = fuzz(
        scenario,
        runs=runs,
        seed=seed,
        config=scenario.travels.starting(config),
        strategy=strategy_of(item),
        target=PYTEST + item.nodeid,
        known=known,
        until_failure=True,
        on_progress=lambda _: scenario.raise_outcome(),
    )
    for each in campaign.remarks(DEFAULT_FILE):
        remark(item, each)
    _fail_for(campaign, item, scenario)


def _fail_for(campaign: Campaign, item: pytest.Function, scenario: MarkedTest) -> None:
    """Fail a test if its campaign found a failure or a leak."""
    for failed in campaign.failures:
        first = campaign.runs == 1
        _fail_for_others(left_behind(item, scenario, failed.trace, first=first))
        note = f"after {campaign.passed} that passed" if campaign.passed else ""
        trace = _shrunk(failed.trace, item, scenario)
        text, frames = report(trace, item, note), Frames(item)
        if frames.needed:  # a campaign keeps none
            replay(trace, scenario=scenario, on_failure=frames.keep)
        frames.fail(text)
    for leak in campaign.leaks:
        _fail_for_others(left_by_runs(leak.verdict, leak.what))


def _fail_for_others(text: str) -> None:
    """Fail a test that fails only because of earlier runs; ``text`` says so, or is empty."""
    if text:
        fail(text)


def _shrunk(trace: Trace, item: pytest.Item, scenario: MarkedTest) -> Trace:
    """Return a simpler trace that fails in the same way, or the same trace if there is none."""
    budget = item.config.getoption("--simqueue-shrink-runs")
    if not budget or item.config.stash[state.DEBUGGED]:
        return trace
    try:
        return shrink_further(
            trace, scenario=scenario, budget_runs=budget, time_limit=_SHRINKING
        ).trace
    except DivergenceError as error:
        remark(item, f"not shrunk, as it does not repeat itself: {error}")
        return trace
    except pytest.fail.Exception as error:  # pytest-timeout's: the failure is reported all the same
        remark(item, f"not shrunk: {error}")
        return trace


def _play_saved(item: pytest.Function, scenario: MarkedTest, accepted: Collection[str]) -> None:
    """Replay a test's saved failures; their files are left as they are."""
    if item.config.getoption("--simqueue-no-regressions"):
        return
    for saved in saved_failures(item.config.stash[state.TRACES], PYTEST + item.nodeid):
        file = os.path.relpath(saved.path, item.config.invocation_params.dir)
        try:
            regression = play_again(saved, scenario, accepted)
        except TraceFormatError as error:
            remark(item, f"saved failure {file} is not played: {error}")
            continue
        scenario.raise_outcome()
        line = f"saved failure {regression.describe(file)}"
        if regression.failed:
            again = again_command(item, saved.path)
            fail(f"{line}\n\n{render_story(regression.replayed.run.trace, again=again)}")
        remark(item, line)
