"""A clean process: what is played in it comes after nothing."""

import asyncio
import os
import signal
from functools import partial

import pytest

from simqueue.search.processes.clean import (
    Clean,
    GoneError,
    LostError,
    clean_for,
    in_a_copy,
    opened_for,
)

SEEN = []


async def scenario(sim):
    SEEN.append(1)


def seen(subject):
    """Return how much was seen, this time included."""
    SEEN.append(1)
    return len(SEEN)


def die(subject):
    os._exit(3)


def fail(subject):
    raise ValueError("no")


def die_once(file, subject):
    """End the process that plays this, if it is the first."""
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return "alive"
    return os.kill(os.getpid(), signal.SIGKILL)


def hang(subject):
    asyncio.run(asyncio.sleep(60))


@pytest.fixture(autouse=True)
def nothing_seen():
    SEEN.clear()


def test_each_request_finds_the_state_of_the_beginning():
    with clean_for(scenario) as clean:
        SEEN.extend([1, 1, 1])
        assert [clean.ask(scenario, seen) for _ in range(3)] == [1, 1, 1]
    assert len(SEEN) == 3


def test_a_copy_finds_what_was_played_here():
    SEEN.extend([1, 1, 1])
    assert in_a_copy(scenario, seen) == 4
    assert len(SEEN) == 3


def test_one_that_is_open_is_used_again_by_whoever_wants_its_scenario():
    async def other(sim):
        pass

    with clean_for(scenario, other) as outer:
        SEEN.append(1)
        assert opened_for(other) is outer
        with clean_for(scenario) as inner:
            assert inner is outer
            assert inner.ask(scenario, seen) == 1
    assert opened_for(scenario) is None


@pytest.mark.parametrize("call", [die, fail])
def test_a_request_that_fails_costs_no_other(call):
    with clean_for(scenario) as clean:
        with pytest.raises(LostError):
            clean.ask(scenario, call)
        assert clean.ask(scenario, seen) == 1


def test_a_child_that_is_killed_is_replaced_once_and_the_clean_process_is_not(tmp_path):
    with clean_for(scenario) as clean:
        assert clean.ask(scenario, partial(die_once, tmp_path / "once")) == "alive"
        os.kill(clean.pid, signal.SIGKILL)
        with pytest.raises(GoneError):
            clean.ask(scenario, seen)
        with pytest.raises(LostError, match="has ended") as lost:
            clean.ask(scenario, seen)
        assert not isinstance(lost.value, GoneError)


def test_a_request_that_hangs_ends_with_its_process():
    clean = Clean.fork(scenario)
    with pytest.raises(LostError):
        clean.ask(scenario, hang, limit=0.0)
    clean.end()


def test_what_a_scenario_carries_comes_back():
    class Test:
        told = None

        async def __call__(self, sim):
            pass

        def carry(self):
            return self.told

        def take(self, carried):
            self.told = carried

    test = Test()
    with clean_for(test) as clean:
        assert clean.ask(test, partial(setattr_told, value="skipped")) is None
    assert test.told == "skipped"


def setattr_told(subject, value):
    subject.told = value
