import sys

import pytest
from edits import APPLICATIONS, INNOCENT
from measure import measure
from saved import EACH, load

from simqueue.search.replay.replayer import replay

RUNS_NEARBY = 12
"""Fewer than a user has, for the sake of speed; ``python -m tests.edits`` has as many."""

pytestmark = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11),
    reason="the failures were recorded with Python 3.11: asyncio takes other steps in others",
)

VERDICTS = {"reproduced", "drifted-alike", "drifted-passed", "gone", "different"}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The results of replaying shrunk failures after each edit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("edits"))
        yield measure(load(), "shrunk", nearby=RUNS_NEARBY)


@pytest.mark.thorough
def test_there_are_sixty_failures_and_ten_innocent_edits(measured):
    assert len(load()) == EACH * len(APPLICATIONS) >= 60
    assert len(INNOCENT) >= 10
    assert len(measured.innocent) == len(load()) * len(INNOCENT)


@pytest.mark.thorough
def test_nine_of_ten_failures_survive_innocent_edits(measured):
    assert measured.survived >= 0.9, measured.by_edit()


@pytest.mark.thorough
def test_what_does_not_survive_says_where_it_drifted(measured):
    lost = [each for each in measured.innocent if not each.survived]
    assert lost
    assert all(f"from event {each.drifted_at} on" in each.said for each in lost)
    assert {each.said.partition(":")[0] for each in lost} <= VERDICTS - {"reproduced"}


@pytest.mark.thorough
def test_an_innocent_edit_is_hardly_ever_taken_for_a_fix(measured):
    assert sum(each.verdict == "gone" for each in measured.innocent) <= len(measured.innocent) / 50


@pytest.mark.thorough
def test_after_a_fix_the_failure_is_gone(measured):
    assert measured.gone >= 0.95, measured.by_edit()
    assert all(each.passed for each in measured.fixes)


def test_the_code_as_it_was_reproduces_each_failure(tmp_path, monkeypatch, project):
    from simqueue.search.target import load_target

    for application in APPLICATIONS:
        project("shop.py", application.source)
        saved = next(each for each in load() if each.application == application.name)
        scenario = load_target("shop.py").scenario
        assert replay(saved.trace(application, "as found"), scenario=scenario).reproduced
        assert replay(saved.trace(application, "shrunk"), scenario=scenario).reproduced
