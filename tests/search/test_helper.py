import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from simqueue.errors import ClusterError
from simqueue.model.config import Config
from simqueue.search.dask.errands import Errand, Helpers, Loss
from simqueue.search.dask.helper import RETIRED, Helper, RefusalError
from simqueue.search.dask.playing import Work
from simqueue.search.planning.assignment import Assignment, FromSeed
from simqueue.search.processes.frames import pack, unpack
from simqueue.search.target import load_target

ROOT = Path(__file__).parents[2]
SCENARIO = """
import ctypes, os
from pathlib import Path

async def scenario(sim):
    print("what a scenario prints goes where the worker's output goes")
    assert sim.choice(range(3)) != 1, "one"

async def leaving_once(sim):
    if Path("leave").exists():
        os.unlink("leave")
        ctypes.CDLL(None)._exit(75)

async def killed(sim):
    number = sim.choice(range(3))
    if number == 1:
        ctypes.CDLL(None).kill(ctypes.CDLL(None).getpid(), 9)

async def leaving(sim):
    ctypes.CDLL(None)._exit(75)
"""


@pytest.fixture
def work(project):
    """What to play, by the function's name."""
    project("one.py", SCENARIO)

    def of(function="scenario"):
        target = load_target(f"one.py:{function}")
        return Work.of(target.scenario, target.name, Config())

    return of


@pytest.fixture
def helpers(work):
    """A worker's helpers for a function, without the worker."""
    hired = []

    def of(function="scenario", **changes):
        found = work(function)
        settings = {"home": found.home, "settings": found.encoded(), "run_limit": 300.0, **changes}
        hired.append(Helpers(**settings))
        hired[-1].setup(SimpleNamespace(address="tcp://here"))
        return hired[-1]

    yield of
    for each in hired:
        each.teardown(None)


def errand(*numbers, accepted=()):
    runs = {number: pack(Assignment(number, number, FromSeed())) for number in numbers}
    return Errand(runs, frozenset(accepted))


def fingerprint_of(path):
    """Return what tells a file from another state of it."""
    return Work.of(load_target(f"{path}:scenario").scenario, "", Config()).source


def signatures(answers):
    return [unpack(answer).signature for answer in answers.values()]


def test_a_chunk_may_be_played_twice_and_is_answered_alike(helpers):
    one = helpers()
    first = one.run(errand(*range(9)))
    assert one.run(errand(*range(9))) == first
    failed = [unpack(each) for each in first.values() if unpack(each).signature]
    assert len(failed) > 1
    assert [each.trace is not None for each in failed] == [True] + [False] * (len(failed) - 1)


def test_no_trace_is_wanted_of_what_is_accepted(helpers):
    one = helpers()
    (signature,) = set(signatures(one.run(errand(*range(9))))) - {None}
    again = one.run(errand(*range(9), accepted=[signature]))
    assert all(unpack(each).trace is None for each in again.values())


@pytest.mark.thorough
def test_a_helper_that_had_retired_when_it_was_asked_loses_nothing(helpers):
    one = helpers("leaving_once")
    one.run(errand(0))
    Path("leave").touch()
    assert signatures(one.run(errand(1, 2))) == [None, None]
    assert not Path("leave").exists()


def test_a_run_that_ends_as_a_helper_that_retires_is_lost_all_the_same(helpers):
    answers = helpers("leaving").run(errand(1, 2))
    assert answers == dict.fromkeys((1, 2), Loss("was killed on tcp://here"))


KILLED = Loss("was killed on tcp://here", killed=True)


@pytest.mark.thorough
def test_a_run_whose_helper_was_killed_from_outside_is_told_from_others(helpers):
    answers = helpers("killed").run(errand(*range(9)))
    assert KILLED in answers.values()
    assert {type(answer) for answer in answers.values() if answer != KILLED} == {bytes}


def test_a_helper_that_is_killed_while_it_starts_loses_a_run_and_no_more(work, helpers):
    one = helpers()
    path = Path("one.py")
    kill = "if not Path('started').exists(): open('started', 'w'), os.kill(os.getpid(), 9)"
    code = path.read_text().replace("async def scenario", f"{kill}\n\nasync def scenario", 1)
    one._settings = one._settings.replace(fingerprint_of(path), "")
    path.write_text(code)
    first, *others = one.run(errand(0, 1, 2)).values()
    assert first == Loss("was killed by SIGKILL while it started on tcp://here", killed=True)
    assert [type(answer) for answer in others] == [bytes, bytes]


def test_a_helper_that_nobody_asks_retires(work):
    code = (
        "import sys, simqueue.search.dask.playing as playing\n"
        "playing._IDLE_S = 0.0\n"
        "playing.play_for_others(sys.argv[1], int(sys.argv[2]))\n"
    )
    theirs, ours = os.pipe()
    done = subprocess.run(
        [sys.executable, "-c", code, work().encoded(), str(theirs)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=theirs,
        capture_output=True,
        pass_fds=(theirs,),
        check=False,
    )
    os.close(theirs)
    os.close(ours)
    assert done.returncode == RETIRED, done.stderr


def test_a_helper_starts_without_the_home_directory_if_the_target_is_found_all_the_same(helpers):
    assert signatures(helpers(home="/no/such/directory").run(errand(0)))


def test_what_prevents_a_helper_from_playing_is_told(work, helpers):
    with pytest.raises(RefusalError, match="ended at once, with status 1"):
        Helper.start(str(ROOT), "{}")
    one = helpers()
    Path("one.py").unlink()
    with pytest.raises(ClusterError, match=r"^tcp://here: one\.py:scenario: there is no such file"):
        one.run(errand(0))
