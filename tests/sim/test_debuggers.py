import asyncio
import cmd
import io
import pdb  # noqa: T100  what the tests are about
import signal
import sys
import threading
from datetime import timedelta

import pytest

from simqueue.model.config import Config
from simqueue.sim.interrupts import gated
from simqueue.sim.run import run


def lines(*typed):
    return io.StringIO("".join(f"{line}\n" for line in typed))


def shop(debug, ended):
    """A scenario whose handler calls ``debug(job)``, and in which ``ended`` tells of its end."""

    async def scenario(sim):
        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                debug(job)
                await asyncio.sleep(1)
                ended.append(job.id)

        sim.worker("a", app)
        await sim.queries.enqueue(["charge"] * 3, [b"x"] * 3, [0] * 3)
        await sim.settled()

    return scenario


def stopping(typed, shown):
    """Stop in a handler, in a debugger of its own, until what is ``typed`` lets it go on."""

    def debug(job):
        secret = f"job {job.id}"
        debugger = pdb.Pdb(stdin=lines(*typed), stdout=shown, nosigint=True, readrc=False)
        debugger.set_trace()
        assert secret

    return debug


@pytest.mark.parametrize("typed", [["p secret", "c"], ["n", "p secret", "n", "n", "c"]])
def test_a_debugger_in_a_handler_changes_nothing_about_the_run(typed):
    shown, ended = io.StringIO(), []
    plain = run(shop(lambda job: None, []), seed=3)
    debugged = run(shop(stopping(typed, shown), ended), seed=3)
    assert "'job 2'" in shown.getvalue()
    assert sorted(ended) == [1, 2, 3]
    assert debugged.passed
    assert debugged.events == plain.events
    assert debugged.digest == plain.digest


@pytest.mark.parametrize("typed", [["q"], ["p secret"]], ids=["quit", "end of input"])
def test_quitting_a_debugger_ends_the_run_without_a_verdict(typed):
    shown, ended = io.StringIO(), []
    with pytest.raises(KeyboardInterrupt, match="told to quit"):
        run(shop(stopping(typed, shown), ended))
    assert shown.getvalue().count("(Pdb)") == len(typed) + (typed[-1] != "q")
    assert not ended
    assert run(shop(lambda job: None, ended)).passed


def test_quitting_a_debugger_in_another_thread_is_none_of_the_run_s_business():
    begun, done = threading.Event(), threading.Event()
    debugger = pdb.Pdb(readrc=False)
    debugger.reset()

    def quit_one():
        begun.wait()
        try:
            debugger.set_quit()
        finally:
            done.set()

    def debug(job):
        begun.set()
        done.wait()

    other = threading.Thread(target=quit_one)
    other.start()
    assert run(shop(debug, [])).passed
    other.join()
    assert debugger.quitting


def compute():
    total = 0
    for number in range(10_000_000):
        total += number
    return total


def test_who_computes_at_a_debugger_s_prompt_does_not_hang():
    shown = io.StringIO()

    async def scenario(sim):
        pdb.Pdb(stdin=lines("p compute()", "c"), stdout=shown, readrc=False).set_trace()
        await asyncio.sleep(1)

    short = Config(step_limit=timedelta(seconds=0.1))
    assert run(scenario, config=short).passed
    assert str(compute()) in shown.getvalue()

    async def hangs(sim):
        compute()

    assert run(hangs, config=short).failure.signature == "livelock:hang:compute"


def frame_at_a_prompt():
    names = {"__name__": "cmd", "sys": sys}
    return eval(compile("sys._getframe()", cmd.__file__, "eval"), names)


def test_an_interrupt_at_a_debugger_s_prompt_is_the_debugger_s():
    ended = []
    with gated() as gate, gate.opened(lambda: ended.append(True)):
        with pytest.raises(KeyboardInterrupt):
            gate.handle(signal.SIGINT, frame_at_a_prompt())
        assert not gate.kept
        with pytest.raises(KeyboardInterrupt):
            gate.handle(signal.SIGINT, sys._getframe())
        assert gate.kept
        gate.kept = False
    assert ended == [True]


def test_a_handler_of_interrupts_that_a_debugger_puts_back_after_the_run_lets_them_through():
    with gated() as gate:
        pass
    with pytest.raises(KeyboardInterrupt):
        gate.handle(signal.SIGINT, None)
