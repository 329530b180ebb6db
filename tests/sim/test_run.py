import asyncio
import contextlib
import ctypes
import functools
import logging
import signal
import sys
import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from simqueue.errors import TargetError, UsageError
from simqueue.model.config import Config
from simqueue.model.events import LogLine, ScenarioChose, TaskFailed
from simqueue.sim.applications.observers import LogHandler
from simqueue.sim.run import run
from simqueue.sim.text.failing import FailedRun


def lines(result):
    return [entry.event for entry in result.events if isinstance(entry.event, LogLine)]


def test_a_scenario_that_returns_passes():
    async def scenario(sim):
        await asyncio.sleep(90)

    result = run(scenario)
    assert result.passed
    assert result.failure is None
    assert result.simulated == timedelta(seconds=90)
    result.check()


def test_a_scenario_that_never_awaits_passes():
    async def scenario(sim):
        pass

    assert run(scenario).passed


def test_a_scenario_that_raises_at_once_fails_with_its_place():
    async def scenario(sim):
        raise ValueError("no such account")

    failure = run(scenario).failure
    assert failure.kind == "exception"
    assert failure.message == "ValueError: no such account"
    assert failure.where.startswith("test_run.py:")
    assert "raise ValueError" in failure.traceback
    with pytest.raises(FailedRun, match="no such account"):
        run(scenario).check()


def test_a_signature_has_no_line_number():
    async def scenario(sim):
        raise ValueError(sim.random.random())

    signatures = {run(scenario, seed=seed).failure.signature for seed in range(3)}
    (signature,) = signatures
    assert signature.endswith("scenario:raise ValueError(sim.random.random())")


def test_a_scenario_that_is_no_async_function_is_refused():
    def scenario(sim):
        pass

    with pytest.raises(TargetError, match="async def"):
        run(scenario)


def test_an_object_with_an_async_call_is_a_scenario():
    class Scenario:
        async def __call__(self, sim):
            await asyncio.sleep(1)

    assert run(Scenario()).passed


def test_a_scenario_that_calls_sys_exit_fails():
    async def scenario(sim):
        await asyncio.sleep(1)
        sys.exit(3)

    failure = run(scenario).failure
    assert failure.kind == "exception"
    assert failure.message == "SystemExit: 3"


def test_a_scenario_that_swallows_cancellation_is_ended_by_the_limit():
    async def scenario(sim):
        while True:
            with contextlib.suppress(BaseException):
                await asyncio.sleep(60)

    failure = run(scenario, config=Config(limit=timedelta(hours=1))).failure
    assert failure.kind == "timeout"
    assert "scenario" in failure.where


def test_waiting_for_what_never_comes_is_a_deadlock_that_names_the_place():
    async def scenario(sim):
        await asyncio.Event().wait()

    failure = run(scenario).failure
    assert failure.kind == "deadlock"
    assert "task scenario waits at test_run.py:" in failure.message


def test_never_letting_time_pass_is_a_livelock():
    async def scenario(sim):
        while True:
            await asyncio.sleep(0)

    failure = run(scenario, config=Config(steps_per_instant_max=500)).failure
    assert failure.kind == "livelock"
    assert "500 steps" in failure.message
    assert "process scenario" in failure.message


def test_a_raw_thread_is_refused_with_the_place_and_a_way_out():
    async def scenario(sim):
        threading.Thread(target=print).start()

    failure = run(scenario).failure
    assert failure.message.startswith("RefusedError")
    assert "test_run.py:" in failure.message
    assert "asyncio.to_thread" in failure.message


def test_a_thread_from_outside_cannot_call_into_the_loop_and_the_run_says_so():
    errors = []
    begin, end = threading.Event(), threading.Event()
    loops = []

    def meddle():
        begin.wait()
        try:
            loops[0].call_soon_threadsafe(print)
        except Exception as error:
            errors.append(error)
        end.set()

    thread = threading.Thread(target=meddle)
    thread.start()

    async def scenario(sim):
        loops.append(asyncio.get_running_loop())
        begin.set()
        end.wait()

    failure = run(scenario).failure
    thread.join()
    assert "another thread" in str(errors[0])
    assert failure.message == f"RefusedError: {errors[0]}"


def test_ctrl_c_ends_the_run_and_is_raised():
    async def scenario(sim):
        await asyncio.sleep(1)
        ctypes.pythonapi.PyErr_SetInterrupt()
        await asyncio.sleep(1)

    with pytest.raises(KeyboardInterrupt):
        run(scenario)
    assert asyncio._get_running_loop() is None


def test_a_run_inside_a_running_loop_is_refused():
    async def scenario(sim):
        pass

    async def main():
        run(scenario)

    with pytest.raises(RuntimeError, match="inside a running event loop"):
        asyncio.run(main())


def test_the_wall_clock_starts_where_the_config_says():
    seen = []

    async def scenario(sim):
        await asyncio.sleep(1.5)
        seen.append((sim.now(), datetime.now(UTC), sim.elapsed()))

    start = datetime(2031, 5, 4, 3, 2, tzinfo=UTC)
    assert run(scenario, config=Config(start=start)).passed
    moment = start + timedelta(seconds=1.5)
    assert seen == [(moment, moment, timedelta(seconds=1.5))]


@pytest.mark.parametrize(
    "start",
    [datetime(2031, 5, 4, 3, 2), datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC)],  # noqa: DTZ001
)
def test_a_start_that_is_no_whole_minute_with_a_zone_is_refused(start):
    async def scenario(sim):
        pass

    with pytest.raises(UsageError, match="whole minute"):
        run(scenario, config=Config(start=start))


def test_log_lines_enter_the_event_log_at_virtual_time_and_without_addresses():
    async def scenario(sim):
        await asyncio.sleep(2)
        logging.getLogger("shop").warning("sold %s", object())
        sim.log.info("stock", left=3)

    result = run(scenario)
    (sold, stock) = lines(result)
    assert sold == LogLine("shop", "warning", "sold <object object at 0x…>")
    assert stock == LogLine("scenario", "info", "event='stock' left=3")
    assert {entry.at for entry in result.events if isinstance(entry.event, LogLine)} == {2_000_000}


def test_an_error_nobody_awaited_is_written_down():
    async def scenario(sim):
        async def fail():
            raise ValueError("unseen")

        task = asyncio.create_task(fail())
        await asyncio.sleep(1)
        del task

    result = run(scenario)
    (failed,) = [entry.event for entry in result.events if isinstance(entry.event, TaskFailed)]
    assert failed.error == "ValueError: unseen"


def test_a_callback_that_raises_is_written_down_and_the_run_goes_on():
    went_on = []

    async def scenario(sim):
        def broken():
            raise ValueError("unheard")

        loop = asyncio.get_running_loop()
        loop.call_soon(broken)
        loop.call_later(1, broken)
        asyncio.create_task(asyncio.sleep(2)).add_done_callback(lambda task: broken())
        await asyncio.sleep(3)
        went_on.append(sim.elapsed())

    result = run(scenario, config=Config(without=("no-silent-error",)))
    result.check()
    assert went_on == [timedelta(seconds=3)]
    failed = [entry.event for entry in result.events if isinstance(entry.event, TaskFailed)]
    assert [event.error for event in failed] == ["ValueError: unheard"] * 3
    assert failed[0].message.endswith("scenario.broken")


def test_the_scenarios_own_choices_are_recorded_and_repeated():
    drawn = []

    async def scenario(sim):
        drawn.append(
            (
                sim.choice("abcdef"),
                sim.chance(0.5),
                sim.random.randint(1, 10**12),
                sim.random.random(),
                sim.random.sample(range(100), 5),
            )
        )

    first = run(scenario, seed=4)
    again = run(scenario, seed=99, choices=first.trace.recorded())
    run(scenario, seed=5)
    assert drawn[0] == drawn[1] != drawn[2]
    assert first.events == again.events
    assert any(isinstance(entry.event, ScenarioChose) for entry in first.events)
    assert run(scenario, choices={}).passed
    assert drawn[3][0] == "a"
    assert drawn[3][1] is False
    assert drawn[3][2] == 1


def test_watching_ends_the_run_with_what_it_raises():
    async def scenario(sim):
        sim.log.info("one")
        await asyncio.sleep(1)
        sim.log.info("two")

    seen = []

    def watch(number, entry):
        seen.append(entry)
        raise LookupError(number)

    with pytest.raises(LookupError):
        run(scenario, watch=watch)
    assert len(seen) == 1
    assert run(scenario).passed


# --- what cannot be used, and what must not end the run itself ---


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, "x", True])
def test_a_seed_that_is_none_is_refused(seed):
    async def scenario(sim):
        pass

    with pytest.raises(UsageError, match="seed must be a whole number"):
        run(scenario, seed=seed)


def test_names_and_policies_that_are_none_are_refused():
    async def scenario(sim):
        for name in (3, "", "a\nb"):
            with pytest.raises(UsageError, match="a name must be"):
                sim.worker(name, print)
            if name:
                with pytest.raises(UsageError, match="a name must be"):
                    sim.connect(name)
        with pytest.raises(UsageError, match="restart is 'never' or 'always', not 'sometimes'"):
            sim.worker("a", print, restart="sometimes")
        for use in (sim.driver.add_listener(3, print), sim.driver.notify("c", 4)):
            with pytest.raises(TypeError):
                await use

    run(scenario).check()


def test_a_step_that_computes_for_ever_is_ended_whatever_it_catches():
    async def scenario(sim):
        number = 0
        for _ in range(2):  # one that catches whatever ends it is ended again
            with contextlib.suppress(BaseException):
                while True:
                    with contextlib.suppress(Exception):
                        number += 1

    failure = run(scenario, config=Config(step_limit=timedelta(seconds=0.2))).failure
    assert failure.kind == "livelock"
    assert "in test_a_step_that_computes_for_ever" in failure.where
    assert "without awaiting" in failure.message
    assert signal.getsignal(signal.SIGVTALRM) is signal.SIG_DFL
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)


def test_a_run_of_many_steps_is_no_hang():
    async def scenario(sim):
        for _ in range(40_000):
            await asyncio.sleep(0.001)

    # It takes several times as long as one step may; one step takes longer where much else runs.
    run(scenario, config=Config(step_limit=timedelta(seconds=0.1))).check()


def test_text_that_utf_8_cannot_say_is_escaped_where_it_is_recorded(tmp_path):
    class BrokenError(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    async def scenario(sim):
        sim.log.info("caf\udce9")
        asyncio.get_running_loop().call_soon(fail, BrokenError())
        await asyncio.sleep(1)
        raise ValueError("caf\udce9")

    def fail(error):
        raise error

    result = run(scenario, config=Config(without=("no-silent-error",)))
    assert result.failure.message == "ValueError: caf\\udce9"
    assert [line.message.replace("'", "") for line in lines(result)] == ["event=caf\\udce9"]
    result.trace.save(tmp_path / "trace.json")


def test_a_record_that_cannot_be_rendered_is_written_down_all_the_same():
    said = []
    handler = LogHandler(SimpleNamespace(say=said.append))
    # Not through a logger: pytest would keep the text, and pytest-xdist could not send it on.
    for message, arguments in (("%d jobs", ("x",)), ("caf\udce9", ())):
        record = {"name": "a", "msg": message, "args": arguments}
        handler.emit(logging.makeLogRecord(record))
    assert [line.message for line in said] == ["'%d jobs' does not take ('x',)", "caf\\udce9"]


def test_a_decorated_scenario_is_one():
    def decorated(scenario):
        @functools.wraps(scenario)
        def called(sim):
            return scenario(sim)

        return called

    @decorated
    async def scenario(sim):
        await asyncio.sleep(1)

    run(scenario).check()


def test_what_computes_for_ever_while_the_world_is_taken_down_is_ended():
    async def scenario(sim):
        async def stubborn():
            try:
                await asyncio.sleep(100)
            finally:
                while True:
                    pass

        tasks.append(asyncio.create_task(stubborn()))
        await asyncio.sleep(1)

    tasks = []
    failure = run(scenario, config=Config(step_limit=timedelta(seconds=0.2))).failure
    assert failure.kind == "livelock"
    assert "stubborn" in failure.where
