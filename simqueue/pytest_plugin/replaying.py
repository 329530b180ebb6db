"""Replaying a marked test as a trace recorded it, and reporting the verdict."""

from __future__ import annotations

import pytest

from simqueue.errors import DivergenceError
from simqueue.model.files import write_whole
from simqueue.model.trace import Trace
from simqueue.pytest_plugin import state
from simqueue.pytest_plugin.failing import Frames
from simqueue.pytest_plugin.options import breakpoints
from simqueue.pytest_plugin.output import fail
from simqueue.pytest_plugin.scenario import MarkedTest
from simqueue.report.story.story import render_story
from simqueue.search.replay.breakpoints import Breakpoints
from simqueue.search.replay.replayer import Replay, replay


def replay_trace(item: pytest.Function, scenario: MarkedTest, trace: Trace) -> None:
    """Replay a trace of a test; fail the test as the run fails."""
    frames, stops = Frames(item), breakpoints(item.config)
    item.config.stash[state.REPLAYING] = True
    try:
        replayed = replay(
            trace,
            scenario=scenario,
            exact=item.config.getoption("--simqueue-exact"),
            nearby=item.config.getoption("--simqueue-nearby"),
            stop_at=stops,
            on_failure=frames.keep,
        )
    except DivergenceError as error:
        _report_missed(item, stops)
        _report(item, "diverged", str(error))
        fail(str(error))
    _report_missed(item, stops)
    if scenario.outcome is not None:
        _report(item, "different", "different: the test says now that it is not to be run")
        scenario.raise_outcome()
    _judge(item, replayed, frames)


def _judge(item: pytest.Function, replayed: Replay, frames: Frames) -> None:
    """Report the verdict, and fail the test unless the run passed."""
    sentence = str(replayed)
    if replayed.verdict == "not-reproduced":
        _report(item, "not-reproduced", sentence)
        fail(sentence)
    if replayed.run.passed:
        _report(item, "passed", sentence)
        return
    _report(item, "different" if replayed.verdict == "different" else "same", sentence)
    frames.fail(f"{sentence}\n\n{render_story(replayed.run.trace)}")


def _report_missed(item: pytest.Function, stops: Breakpoints | None) -> None:
    missed = "" if stops is None else stops.missed()
    if missed:
        item.config.stash[state.VERDICTS].append(f"{item.nodeid}: the replay {missed}")


def _report(item: pytest.Function, verdict: str, sentence: str) -> None:
    """Keep the verdict for the session's end, and write it where `simqueue replay` reads it."""
    item.config.stash[state.VERDICTS].append(f"{item.nodeid}: {sentence}")
    path = item.config.getoption("--simqueue-verdict")
    if path is not None:
        write_whole(path, f"{verdict}: {sentence}\n".encode())
