"""Signal handlers of others: what they raise ends a run without a verdict."""

import asyncio
import contextlib
import logging
import random
import signal
import time

import pytest

from simqueue.sim.run import run
from simqueue.sim.watches.outside import _handlers


class TimeIsUpError(Exception):
    """What a time limit raises."""


def up(number, frame):
    raise TimeIsUpError


@pytest.fixture
def limit():
    """Handle SIGALRM as a time limit does; give a function that sets the handler."""
    before = signal.getsignal(signal.SIGALRM)
    yield lambda handler: signal.signal(signal.SIGALRM, handler)
    signal.signal(signal.SIGALRM, before)


def strike():
    """Do what the interpreter does when the signal has come: call its handler here."""
    signal.getsignal(signal.SIGALRM)(signal.SIGALRM, None)


def plain(pq):
    @pq.entrypoint("x")
    async def x(job):
        strike()


def swallowing(pq):
    @pq.entrypoint("x")
    async def x(job):
        with contextlib.suppress(TimeIsUpError):
            strike()


def unawaited(pq):
    @pq.entrypoint("x")
    async def x(job):
        async def work():
            strike()

        await asyncio.wait({asyncio.create_task(work())})


@pytest.mark.parametrize("app", [plain, swallowing, unawaited])
def test_what_a_signal_handler_raises_is_raised_by_the_run(app, limit):
    async def scenario(sim):
        sim.worker("a", app)
        await sim.queries.enqueue("x", None)
        await sim.settled()

    limit(up)
    with pytest.raises(TimeIsUpError):
        run(scenario)
    assert signal.getsignal(signal.SIGALRM) is up


def test_a_signal_that_really_comes_ends_a_step_that_computes(limit):
    async def scenario(sim):
        while True:
            sum(range(1000))

    limit(up)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    with pytest.raises(TimeIsUpError):
        run(scenario)


def test_a_handler_that_raises_nothing_leaves_no_mark(limit):
    readings = []

    def note(number, frame):
        readings.append((time.time(), time.monotonic(), random.random()))
        logging.getLogger("limit").warning("half of the time is up")

    async def scenario(sim):
        if struck:
            strike()
        sim.log.info("drawn", value=random.random(), at=time.monotonic())

    limit(note)
    struck = True
    marked = run(scenario)
    struck = False
    assert marked.digest == run(scenario).digest
    assert len(readings) == 1


def test_a_signal_that_comes_while_a_run_is_taken_down_is_handled_after_it(limit):
    class Late:
        def __del__(self):
            strike()

    async def scenario(sim):
        late = Late()
        late.itself = late

    limit(up)
    with pytest.raises(TimeIsUpError):
        run(scenario)
    assert (signal.SIGALRM, up) in list(_handlers())


def test_a_handler_may_do_what_is_refused_in_the_run(limit):
    def rearm(number, frame):
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise TimeIsUpError

    async def scenario(sim):
        strike()

    limit(rearm)
    with pytest.raises(TimeIsUpError):
        run(scenario)
