import asyncio
import cmd
import io
import logging
import pdb  # noqa: T100  what the tests are about
import random
import signal
import sys
import threading
import time
import types
import uuid
from datetime import timedelta

import pytest

from simqueue.model.config import Config
from simqueue.sim.code import debuggers
from simqueue.sim.patching import builtin
from simqueue.sim.run import run
from simqueue.sim.watches.interrupts import gated


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
    with pytest.raises(KeyboardInterrupt, match="quit the debugger"):
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


# --- a person's time ------------------------------------------------------------------------------


def using(number):
    """A scenario that draws, reads clocks and logs after it has stopped with ``number`` typed."""

    async def scenario(sim):
        logger, drawn = logging.getLogger("mine"), [random.random()]
        pdb.Pdb(stdin=lines(*LOOKING[:number], "c"), stdout=io.StringIO(), readrc=False).set_trace()
        drawn += [random.random(), uuid.uuid4(), time.time(), sim.random.random()]
        logger.warning("drawn %s", drawn)
        await asyncio.sleep(1)

    return scenario


LOOKING = [
    "time.time(), time.monotonic(), sim.now(), asyncio.get_running_loop().time()",
    "random.random(), random.gauss(0, 1), uuid.uuid4()",
    "random.seed(7)",
    "time.sleep(5)",
    "logger.warning('looking')",
    "sim.log.info('looking')",
    "sim.random.random()",
    "[time.monotonic() for _ in range(20_000)][-1]",
]


def test_nothing_that_is_asked_at_a_prompt_leaves_a_mark_on_the_run():
    plain = run(using(0), seed=3)
    asked = run(using(len(LOOKING)), seed=3)
    assert plain.passed
    assert any("drawn [" in getattr(entry.event, "message", "") for entry in plain.events)
    assert asked.events == plain.events
    assert asked.digest == plain.digest


def test_it_shows_the_time_and_the_numbers_of_the_run():
    shown, kept = io.StringIO(), []

    async def scenario(sim):
        await asyncio.sleep(2)
        typed = lines("sim.elapsed().total_seconds()", "time.monotonic()", "random.random()", "c")
        pdb.Pdb(stdin=typed, stdout=shown, readrc=False).set_trace()
        kept.append(random.random())

    assert run(scenario).passed
    assert [line for line in shown.getvalue().split("(Pdb) ") if line[:1].isdigit()] == [
        "2.0\n",
        "2.0\n",
        f"{kept[0]!r}\n",
    ]


def test_numpy_s_numbers_are_drawn_again_by_the_run():
    numpy = pytest.importorskip("numpy")
    kept = []

    async def scenario(sim):
        typed = lines("kept.append(numpy.random.random())", "c")
        pdb.Pdb(stdin=typed, stdout=io.StringIO(), readrc=False).set_trace()
        kept.append(numpy.random.random())

    assert run(scenario).passed
    first, second = kept
    assert first == second


def test_a_scenario_s_choice_is_not_made_at_a_prompt():
    shown, made = io.StringIO(), []

    async def scenario(sim):
        typed = lines("sim.choice([1, 2])", "sim.chance(0.5)", "c")
        pdb.Pdb(stdin=typed, stdout=shown, readrc=False).set_trace()
        made.append(sim.choice([1, 2]))

    assert run(scenario).passed
    assert shown.getvalue().count("cannot be called at a debugger's prompt") == 2
    assert made


# --- VS Code's and PyCharm's ----------------------------------------------------------------------


def code_of(module, source, filename):
    """Return the function ``call`` that a module of some name and file defines."""
    names = {"__name__": module}
    exec(compile(source, filename, "exec"), names)
    return names["call"]


PASSING_ON = "def call(function, *args):\n    return function(*args)\n"


@pytest.mark.parametrize("filename", ["/opt/editor/plugins/it.py", pdb.__file__])
def test_a_debugger_s_own_modules_ask_for_it_wherever_they_lie(filename):
    ask = code_of("_pydevd_bundle.pydevd_comm", PASSING_ON, filename)
    assert ask(debuggers.debugging)
    assert not debuggers.debugging()


def test_what_only_passes_on_is_not_who_asks():
    wrapper = code_of(builtin.DEBUGGER_S_WRAPPERS, PASSING_ON, "/opt/editor/monkey.py")
    comm = code_of("_pydevd_bundle.pydevd_comm", PASSING_ON, "/opt/editor/comm.py")
    assert not wrapper(debuggers.debugging)
    assert comm(wrapper, debuggers.debugging)


def test_who_types_at_a_prompt_does_not_ask_as_a_debugger():
    comm = code_of("_pydevd_bundle.pydevd_vars", PASSING_ON, "/opt/editor/vars.py")
    names = {"ask": debuggers.debugging_itself}
    assert comm(debuggers.debugging_itself)
    assert not comm(eval, "ask()", names)


@pytest.fixture
def editor(monkeypatch):
    """A debugger that is loaded, has wrapped what starts threads, and waits for what is asked."""
    module = types.ModuleType("pydevd")
    waiting = "def call(self, ask):\n    return ask()\n"
    module.PyDB = type("PyDB", (), {"do_wait_suspend": code_of("pydevd", waiting, "/opt/p.py")})
    monkeypatch.setitem(sys.modules, "pydevd", module)
    return module.PyDB()


def test_what_is_evaluated_in_an_editor_leaves_no_mark_on_the_run(editor):
    def scenario(ask):
        async def stops(sim):
            editor.do_wait_suspend(ask)
            logging.getLogger("mine").warning("%s %s", random.random(), time.time())

        return stops

    def look():
        random.random(), time.time(), time.sleep(3)

    original = type(editor).do_wait_suspend
    plain, asked = run(scenario(lambda: None)), run(scenario(look))
    assert plain.passed
    assert asked.digest == plain.digest
    assert type(editor).do_wait_suspend is original


def test_an_editor_s_own_clock_is_the_real_one_and_what_is_typed_there_sees_the_run_s(editor):
    own = code_of("_pydevd_bundle.pydevd_timeout", PASSING_ON, "/opt/editor/timeout.py")
    seen = []

    async def scenario(sim):
        await asyncio.sleep(1)
        editor.do_wait_suspend(lambda: seen.append(own(time.time)))
        editor.do_wait_suspend(lambda: seen.append(eval("time.time()")))
        seen.append(time.time())

    before = time.time()
    assert run(scenario).passed
    real, typed, virtual = seen
    assert before <= real <= time.time()
    assert typed == virtual


def test_threads_are_refused_though_a_debugger_has_wrapped_what_starts_them():
    import _thread

    original = _thread.start_new_thread
    wrapper = code_of(
        builtin.DEBUGGER_S_WRAPPERS,
        "def make(original):\n"
        "    def call(*args):\n        return original(*args)\n    return call\n"
        "call = make",
        "/opt/editor/monkey.py",
    )(original)
    wrapper.__module__ = builtin.DEBUGGER_S_WRAPPERS
    holder = types.ModuleType("_thread_of_test")
    holder.start_new_thread, holder._original_start_new_thread = wrapper, original
    assert builtin._wrapped(holder, "start_new_thread") is original
    assert builtin._wrapped(holder, "start_new") is None

    async def scenario(sim):
        wrapper(print, ())

    assert "_thread.start_new_thread is refused" in run(scenario).failure.message
