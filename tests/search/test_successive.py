"""Runs that are played one after the other in a process that any of them may end."""

import ctypes
import os

import pytest

from simqueue.model.config import Config
from simqueue.search.processes.alone import Play
from simqueue.search.processes.successive import successive_for

SEEN = []


async def counting(sim):
    SEEN.append(1)
    if sim.chance(0.5):
        ctypes.CDLL(None)._exit(3)
    sim.log.info("seen", times=len(SEEN))


def play(*, dies=False):
    choices = {"scenario scenario chance": {0: 1}} if dies else {}
    return Play(0, Config(), "", choices)


def times(run):
    return int(run.events[-1].event.message.rpartition("=")[2])


@pytest.fixture
def successive():
    SEEN.clear()
    with successive_for(counting) as made:
        yield made


def test_runs_are_played_one_after_the_other_in_another_process(successive):
    assert [times(successive.play(play())) for _ in range(3)] == [1, 2, 3]
    assert not SEEN


def test_a_run_that_ends_its_process_is_lost_and_the_next_one_is_played(successive):
    successive.play(play())
    assert successive.play(play(dies=True)) is None
    assert times(successive.play(play())) == 1


def test_the_process_ends_with_the_block():
    with successive_for(counting) as made:
        made.play(play())
        pid = made._process.pid
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
