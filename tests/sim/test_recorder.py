"""A run that is long enough for its log to be packed is the same run."""

from pathlib import Path

import pytest
from applications import busy_shop

from simqueue.model import log
from simqueue.model import trace as tracefile
from simqueue.model.config import Config, Faults
from simqueue.model.trace import Trace
from simqueue.report.story.story import render_story
from simqueue.search.replay.replayer import replay
from simqueue.sim.run import run


@pytest.fixture
def short_memory(monkeypatch):
    """Let a log keep few entries as objects."""
    monkeypatch.setattr(log, "RECENT_MIN", 16)
    monkeypatch.setattr(log, "RECENT_MAX", 64)
    monkeypatch.setattr(log, "BLOCK", 8)


def shop(seed):
    return run(busy_shop, seed=seed, config=Config(faults=Faults.named("production")))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_packed_log_has_the_same_digest_trace_and_story(seed, request):
    plain = shop(seed)
    request.getfixturevalue("short_memory")
    packed = shop(seed)
    assert type(plain.events) is tuple
    assert type(packed.events) is log.Log
    assert packed.digest == plain.digest
    assert packed.events == plain.events
    assert tracefile.encode(packed.trace) == tracefile.encode(plain.trace)
    assert render_story(packed.trace) == render_story(plain.trace)


@pytest.mark.usefixtures("short_memory")
def test_a_trace_with_a_packed_log_is_saved_loaded_and_replayed(tmp_path):
    trace = shop(2).trace
    trace.save(Path(tmp_path, "t.json"))
    assert Trace.load(tmp_path / "t.json") == trace
    assert replay(trace, scenario=busy_shop).verdict == "reproduced"
