"""Plays a failed test again in a process that was forked before the first test.

State that earlier tests left in modules and in fixtures of a wider scope does not exist there.
"""

from __future__ import annotations

import inspect
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from simqueue.pytest_plugin.state import STARTED
from simqueue.search.processes.alone import of_trace, signature_of
from simqueue.search.processes.clean import Clean, LostError, opened_for
from simqueue.search.processes.outliving import Picture, difference, picture
from simqueue.sim.text.descriptions import ADVICE, OUTLIVES

if TYPE_CHECKING:
    from simqueue.model.trace import Trace
    from simqueue.pytest_plugin.scenario import MarkedTest

_CLEAN = pytest.StashKey["Clean | None"]()
_WANTED = pytest.StashKey["Wanted"]()
_HARMLESS = ("_pytest", "simqueue", "pytest_asyncio", "anyio", "xdist", "pytest_mock")
"""Packages whose fixtures may be set up twice."""


@dataclass(slots=True)
class Wanted:
    """A trace that a test has to play, and the signature of its failure, None if it passed.

    ``before`` is a picture of the state of its code before that.
    """

    trace: Trace
    played: bool = False
    signature: str | None = None
    before: Picture | None = None

    def play(self, scenario: MarkedTest) -> None:
        """Play the test."""
        self.before = picture(scenario)
        self.signature = signature_of(of_trace(self.trace)(scenario))
        self.played = scenario.outcome is None


def open_clean(session: pytest.Session) -> None:
    """Fork a process in which a test can be played alone."""
    scenario: Any = session
    session.config.stash[_CLEAN] = Clean.fork(scenario)


def close_clean(config: pytest.Config) -> None:
    """End that process."""
    clean = config.stash.get(_CLEAN, None)
    if clean is not None:
        clean.end()


def wanted_of(config: pytest.Config) -> Wanted | None:
    """Return the trace that the test has to play, if this process was forked for that."""
    return config.stash.get(_WANTED, None)


def left_behind(item: pytest.Function, scenario: MarkedTest, trace: Trace, *, first: bool) -> str:
    """Return the state that earlier runs and tests left, if a test fails after them and not alone.

    ``first`` is whether no run of this test came before the failed one. Return an empty text for a
    test that fails alone, or cannot be played alone.
    """
    session: Any = item.session
    clean = item.config.stash.get(_CLEAN, None)
    alone_already = first and item.config.stash[STARTED] <= 1
    if clean is None or not clean.knows(session) or alone_already or not _can_be_set_up(item):
        return ""
    try:
        alone = clean.ask(session, partial(_played_alone, item.nodeid, trace))
        here = opened_for(scenario)
        now = picture(scenario) if here is None else here.ask(scenario, picture)
    except LostError:
        return ""
    failure = trace.outcome.failure
    if not alone.played or failure is None or alone.signature == failure.signature:
        return ""
    verdict = "fails in another way alone" if alone.signature else "passes alone"
    what = difference(alone.before or {}, now)
    if not first:
        return left_by_runs(verdict, what)
    return f"{verdict}, fails after another test: something outlives the tests: {what}: {_ADVICE}"


def left_by_runs(verdict: str, what: str) -> str:
    """Return the text for a test that fails after another run of its own, and not alone."""
    return f"{verdict}, fails after another run: {OUTLIVES}: {what}: {_ADVICE}"


_ADVICE = ADVICE.replace("in the scenario", "in the test")


def _can_be_set_up(item: pytest.Function) -> bool:
    """Return whether a test can be set up once more beside the one that runs.

    Not if fixtures that other tests share hold something that has to be given back, such as a
    database: to make it a second time may take it away from them.
    """
    fixtures = item._fixtureinfo.name2fixturedefs.values()  # noqa: SLF001  pytest has no other way
    return not any(
        each.scope != "function"
        and not each.func.__module__.startswith(_HARMLESS)
        and (inspect.isgeneratorfunction(each.func) or "request" in each.argnames)
        for definitions in fixtures
        for each in definitions
    )


def _played_alone(nodeid: str, trace: Trace, session: pytest.Session) -> Wanted:
    """Set a test up and play it; nothing is torn down, since this process ends after that."""
    from _pytest.runner import call_and_report

    item: Any = next(each for each in session.items if each.nodeid == nodeid)
    _capture_nothing(item.config)
    wanted = item.config.stash[_WANTED] = Wanted(trace)
    if not item._request:  # noqa: SLF001  as pytest's own loop begins
        item._initrequest()  # noqa: SLF001
    if call_and_report(item, "setup", log=False).passed:
        call_and_report(item, "call", log=False)
    return wanted


def _capture_nothing(config: pytest.Config) -> None:
    """Do not write into pytest's capture files: the other process shares them."""
    with suppress(ImportError):
        from _pytest.capture import CaptureManager

        config.pluginmanager.unregister(name="capturemanager")
        manager = CaptureManager("no")
        config.pluginmanager.register(manager, "capturemanager")
        manager.start_global_capturing()
