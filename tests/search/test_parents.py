"""Forks: a signal that comes while a process forks is handled when that is done."""

import os
import signal
from pathlib import Path

import pytest

from simqueue.search.processes.clean import clean_for
from simqueue.search.processes.forks import fork, signals_arrive, signals_wait

HOOK = []
os.register_at_fork(after_in_parent=lambda: [each() for each in HOOK])


class Struck(BaseException):
    """What a time limit raises."""


async def scenario(sim):
    """Do nothing."""


@pytest.fixture
def struck():
    """Let a signal whose handler raises come in a hook of the next fork."""

    def handle(number, frame):
        raise Struck

    before = signal.signal(signal.SIGUSR1, handle)
    HOOK.append(lambda: signal.raise_signal(signal.SIGUSR1))
    yield
    HOOK.clear()
    signal.signal(signal.SIGUSR1, before)


def ended(pid):
    """Return a child's exit status when it has ended."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def descriptors():
    """Return how many files this process has open."""
    return sum(1 for _ in Path("/dev/fd").iterdir())


def test_what_a_handler_raises_during_a_fork_is_raised_when_it_is_done(struck):
    theirs, ours = os.pipe()
    with pytest.raises(Struck):
        if not fork():
            os.write(ours, str(os.getpid()).encode())
            os._exit(7)
    assert ended(int(os.read(theirs, 20))) == 7
    os.close(theirs)
    os.close(ours)


def test_a_clean_process_that_was_forked_under_a_signal_is_ended(struck):
    before = descriptors()
    with pytest.raises(Struck), clean_for(scenario):
        raise AssertionError
    assert descriptors() == before


def waiting(scenario=None):
    """Return which signals wait here."""
    return signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_signals_arrive_in_clean_processes_and_what_they_play():
    with clean_for(scenario) as clean:
        assert clean.ask(scenario, waiting) == waiting()
    assert not waiting()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # other tests may have left threads
def test_signals_are_handled_again_in_a_child_that_stays_inside():
    with signals_wait():
        pid = os.fork()
        if not pid:
            signals_arrive()
            signal.signal(signal.SIGUSR1, lambda *_: os._exit(5))
            signal.raise_signal(signal.SIGUSR1)
            os._exit(1)
    assert ended(pid) == 5
