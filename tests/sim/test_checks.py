import asyncio
import ctypes
from datetime import timedelta

import pytest

from simqueue.check import INVARIANTS
from simqueue.errors import UsageError
from simqueue.model.config import Config, Faults
from simqueue.model.events import (
    HandlerFinished,
    HandlerStarted,
    InvariantBroken,
    JobPicked,
    Reached,
    StatementReplied,
    WorkerCrashed,
)
from simqueue.sim.run import run

SECOND = timedelta(seconds=1)
FAULTS = Config(faults=Faults.named("late-notify"))


def events(result, kind):
    return [entry for entry in result.events if isinstance(entry.event, kind)]


def so_far(sim, kind):
    return [entry for entry in sim._world.recorder.entries if isinstance(entry.event, kind)]


def reached(result):
    return [(entry.event.name, entry.at / 1_000_000) for entry in events(result, Reached)]


def jobs(sim):
    return sim._world.server.tables.jobs.rows


async def enqueue(sim, count=1):
    await sim.queries.enqueue(["job"] * count, [None] * count, [0] * count)


def worker(pq):
    @pq.entrypoint("job")
    async def job(job):
        await asyncio.sleep(1)


# --- always -----------------------------------------------------------------------------------


def test_what_always_holds_lets_a_run_pass():
    async def scenario(sim):
        sim.always("few jobs", lambda: len(jobs(sim)) <= 3)
        await enqueue(sim, 3)

    result = run(scenario)
    assert result.passed
    assert not events(result, InvariantBroken)


def test_a_check_that_breaks_ends_the_run_with_its_name():
    async def scenario(sim):
        sim.always("few jobs", lambda: len(jobs(sim)) <= 2)
        await enqueue(sim, 2)
        await enqueue(sim)
        await asyncio.sleep(60)

    result = run(scenario)
    failure = result.failure
    assert (failure.kind, failure.where) == ("invariant", "few jobs")
    assert failure.signature == "invariant:few jobs"
    assert failure.message == "'few jobs' does not hold"
    assert result.simulated < SECOND
    (broken,) = events(result, InvariantBroken)
    assert (broken.worker, broken.event.name) == ("scenario", "few jobs")
    assert result.events[broken.cause].at == broken.at


def test_a_check_is_asked_when_a_whole_statement_is_done():
    seen = set()

    async def scenario(sim):
        sim.always("all or none", lambda: seen.add(len(jobs(sim))) is None)
        await enqueue(sim, 5)

    assert run(scenario).passed
    assert seen == {0, 5}


def test_a_check_sees_each_step_of_handlers_and_workers():
    seen = []

    async def scenario(sim):
        def look():
            entries = sim._world.recorder.entries
            seen.append(type(entries[-1].event) if entries else None)
            return True

        sim.always("looks", look)
        a = sim.worker("a", worker)
        await enqueue(sim)
        await sim.settled()
        a.crash()

    assert run(scenario).passed
    assert seen[0] is None
    assert {HandlerStarted, HandlerFinished, WorkerCrashed} <= set(seen)
    assert StatementReplied not in seen


def test_a_handler_that_breaks_a_check_is_blamed():
    async def scenario(sim):
        running = []

        def app(pq):
            @pq.entrypoint("job")
            async def job(job):
                running.append(job.id)
                await asyncio.sleep(1)

        sim.always("idle", lambda: not running)
        sim.worker("a", app)
        await enqueue(sim)
        await sim.settled()

    result = run(scenario)
    (broken,) = events(result, InvariantBroken)
    assert broken.worker == "a"
    assert result.failure.signature == "invariant:idle"


def test_a_check_that_does_not_hold_at_once_ends_the_run_at_once():
    async def scenario(sim):
        sim.always("never", lambda: False)
        await asyncio.sleep(60)

    result = run(scenario)
    assert result.failure.signature == "invariant:never"
    assert result.simulated == timedelta(0)


def test_a_failed_assertion_is_a_no_and_says_why():
    async def scenario(sim):
        def few():
            assert len(jobs(sim)) < 2, "there are two"
            return True

        sim.always("few", few)
        await enqueue(sim, 2)

    failure = run(scenario).failure
    assert failure.signature == "invariant:few"
    assert failure.message.startswith("'few' does not hold: there are two")


def test_an_error_in_a_predicate_is_the_failure():
    async def scenario(sim):
        sim.always("one by one", lambda: bool(1 // (2 - len(jobs(sim))) or True))
        await enqueue(sim, 2)
        await asyncio.sleep(60)

    failure = run(scenario).failure
    assert failure.kind == "exception"
    assert failure.message.startswith("ZeroDivisionError")
    assert failure.where.startswith("test_checks.py:")


def test_an_error_in_a_predicate_that_a_handler_meets_fails_the_run_and_not_the_job():
    async def scenario(sim):
        def predicate():
            if so_far(sim, HandlerStarted):
                raise KeyError("lost")
            return True

        sim.always("sound", predicate)
        sim.worker("a", worker)
        await enqueue(sim)
        await sim.settled()

    failure = run(scenario).failure
    assert failure.message.startswith("KeyError")


def test_an_interrupt_in_a_predicate_ends_the_run_as_everywhere():
    async def scenario(sim):
        def predicate():
            if jobs(sim):
                ctypes.pythonapi.PyErr_SetInterrupt()
            return True

        sim.always("sound", predicate)
        await enqueue(sim)
        await asyncio.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        run(scenario)


def test_an_interrupt_that_a_predicate_raises_itself_is_its_own_error():
    async def scenario(sim):
        def predicate():
            if jobs(sim):
                raise KeyboardInterrupt
            return True

        sim.always("sound", predicate)
        await enqueue(sim)
        await asyncio.sleep(60)

    failure = run(scenario).failure
    assert (failure.kind, failure.message) == ("exception", "KeyboardInterrupt")
    assert failure.where.endswith("scenario.predicate")


def test_what_a_predicate_itself_does_is_no_reason_to_ask_it_again():
    async def scenario(sim):
        a = sim.worker("a", worker)

        def predicate():
            if jobs(sim) and a.alive:
                a.crash()
            return True

        sim.always("deadly", predicate)
        await enqueue(sim)
        await asyncio.sleep(1)

    result = run(scenario)
    assert result.passed
    assert len(events(result, WorkerCrashed)) == 1


async def _later(sim):
    return True


@pytest.mark.parametrize(
    ("predicate", "problem"),
    [
        (lambda: 1, "returned a int: let it return True or False"),
        (lambda: None, "returned a NoneType"),
        (lambda: _later(None), "is async"),
        ("text", "must be callable"),
    ],
)
@pytest.mark.parametrize("kind", ["always", "eventually"])
def test_a_predicate_that_is_no_plain_function_of_a_bool_is_refused(kind, predicate, problem):
    async def scenario(sim):
        more = {"within": SECOND} if kind == "eventually" else {}
        with pytest.raises(UsageError, match=problem):
            getattr(sim, kind)("odd", predicate, **more)

    run(scenario).check()


def test_a_predicate_that_stops_to_return_a_bool_fails_the_run():
    async def scenario(sim):
        sim.always("odd", lambda: len(jobs(sim)) or True)
        await enqueue(sim, 2)

    failure = run(scenario).failure
    assert failure.kind == "exception"
    assert "check 'odd' returned a int" in failure.message


@pytest.mark.parametrize("name", ["here", *(invariant.name for invariant in INVARIANTS[:1])])
def test_a_name_that_is_taken_is_refused(name):
    async def scenario(sim):
        sim.always("here", lambda: True)
        for register in (
            lambda: sim.always(name, lambda: True),
            lambda: sim.eventually(name, lambda: True, within=SECOND),
            lambda: sim.sometimes(name),
        ):
            with pytest.raises(UsageError, match="name"):
                register()

    run(scenario).check()


def test_a_run_without_checks_is_the_run_that_it_was():
    async def with_one(sim):
        sim.always("true", lambda: True)
        await body(sim)

    async def body(sim):
        sim.worker("a", worker)
        await enqueue(sim, 4)
        await sim.settled()

    assert run(with_one, seed=3).events == run(body, seed=3).events


def test_a_check_that_reads_a_clock_repeats_under_its_seed():
    async def scenario(sim):
        sim.always("early", lambda: sim.elapsed() < timedelta(seconds=5))
        sim.worker("a", worker)
        for _ in range(40):
            await enqueue(sim)
            await asyncio.sleep(sim.random.uniform(0, 1))

    one, other = run(scenario, seed=5), run(scenario, seed=5)
    assert one.failure.signature == "invariant:early"
    assert one.digest == other.digest


# --- accepted ---------------------------------------------------------------------------------


def test_an_accepted_check_is_written_down_once_and_the_run_goes_on():
    async def scenario(sim):
        sim.always("few jobs", lambda: len(jobs(sim)) <= 2)
        for _ in range(5):
            await enqueue(sim)
        await asyncio.sleep(60)

    result = run(scenario, config=Config(accepted=("invariant:few jobs",)))
    assert result.passed
    assert result.simulated >= timedelta(seconds=60)
    (broken,) = events(result, InvariantBroken)
    assert broken.event.signature == "invariant:few jobs"


def test_the_next_bug_ends_a_run_that_survived_an_accepted_one():
    async def scenario(sim):
        sim.always("few jobs", lambda: len(jobs(sim)) <= 2)
        sim.always("not so many jobs", lambda: len(jobs(sim)) <= 4)
        for _ in range(9):
            await enqueue(sim)

    result = run(scenario, config=Config(accepted=("invariant:few jobs",)))
    assert result.failure.signature == "invariant:not so many jobs"
    assert len(events(result, InvariantBroken)) == 2


# --- eventually -------------------------------------------------------------------------------


def test_what_comes_true_in_time_is_noted_once_and_need_not_stay_true():
    async def scenario(sim):
        sim.eventually("a job waits", lambda: bool(jobs(sim)), within=5 * SECOND)
        await asyncio.sleep(2)
        await enqueue(sim)
        sim.worker("a", worker)
        await sim.settled()
        await enqueue(sim)
        await asyncio.sleep(60)

    result = run(scenario)
    assert result.passed
    ((name, at),) = reached(result)
    assert name == "a job waits"
    assert 2 <= at < 3


def test_what_does_not_come_true_in_time_fails_at_its_deadline():
    async def scenario(sim):
        await asyncio.sleep(3)
        sim.eventually("picked", lambda: bool(so_far(sim, JobPicked)), within=5 * SECOND)
        await asyncio.sleep(60)

    result = run(scenario)
    failure = result.failure
    assert (failure.kind, failure.signature) == ("invariant", "invariant:picked")
    assert failure.message == "'picked' did not come true within 5 s (asked for at +3.000000s)"
    assert result.simulated == 8 * SECOND
    assert not reached(result)


def test_a_promise_is_asked_once_more_at_its_deadline():
    async def scenario(sim):
        sim.eventually("late", lambda: sim.elapsed() >= 5 * SECOND, within=5 * SECOND)
        await asyncio.sleep(60)

    result = run(scenario)
    assert result.passed
    assert reached(result) == [("late", 5.0)]


def test_a_promise_that_is_kept_at_once_leaves_no_deadline():
    async def scenario(sim):
        sim.eventually("true", lambda: True, within=9 * SECOND)
        assert sim._world.judge.checks.due(0) is None
        await asyncio.Event().wait()

    result = run(scenario)
    assert reached(result) == [("true", 0.0)]
    assert result.failure.kind == "deadlock"
    assert result.simulated == timedelta(0)


def test_a_promise_that_is_broken_says_which_assertion_failed():
    async def scenario(sim):
        def predicate():
            assert jobs(sim), "no job"
            return True

        sim.eventually("a job waits", predicate, within=SECOND)
        await asyncio.sleep(60)

    message = run(scenario).failure.message
    assert message.startswith("'a job waits' did not come true within 1 s")
    assert "no job" in message


def test_the_end_of_the_scenario_does_not_end_the_wait_for_a_promise():
    async def kept(sim):
        sim.worker("a", worker)
        sim.eventually("done", lambda: bool(so_far(sim, HandlerFinished)), within=5 * SECOND)
        await enqueue(sim)

    async def broken(sim):
        sim.eventually("done", lambda: False, within=5 * SECOND)

    result = run(kept)
    assert result.passed
    ((name, at),) = reached(result)
    assert name == "done"
    assert 1 <= at < 5
    result = run(broken)
    assert result.failure.signature == "invariant:done"
    assert result.simulated == 5 * SECOND


def test_while_faults_fly_nothing_is_due():
    async def scenario(sim):
        sim.eventually("never", lambda: False, within=5 * SECOND)
        checks = sim._world.judge.checks
        await asyncio.sleep(60)
        assert checks.due(0) is None
        sim.heal()
        await asyncio.sleep(1)
        healed = sim._world.judge.view.calm_since
        assert checks.due(0) == healed + 5_000_000
        await asyncio.sleep(60)

    result = run(scenario, config=FAULTS)
    assert result.failure.signature == "invariant:never"
    assert timedelta(seconds=65) <= result.simulated < timedelta(seconds=66)


def test_what_comes_true_while_faults_fly_is_kept():
    async def scenario(sim):
        sim.eventually("a job waits", lambda: bool(jobs(sim)), within=SECOND)
        await asyncio.sleep(30)
        await enqueue(sim)
        await sim.queries.clear_queue()
        sim.heal()
        await asyncio.sleep(30)

    result = run(scenario, config=FAULTS)
    assert result.passed
    assert [name for name, _ in reached(result)] == ["a job waits"]


def test_an_accepted_promise_is_written_down_and_the_run_goes_on():
    async def scenario(sim):
        sim.eventually("never", lambda: False, within=SECOND)
        await asyncio.sleep(60)
        assert not sim._world.judge.checks.unkept()

    result = run(scenario, config=Config(accepted=("invariant:never",)))
    assert result.passed
    assert len(events(result, InvariantBroken)) == 1


@pytest.mark.parametrize("within", [5, -SECOND, None])
def test_a_span_that_is_none_is_refused(within):
    async def scenario(sim):
        with pytest.raises(UsageError, match="within is a timedelta"):
            sim.eventually("x", lambda: True, within=within)

    run(scenario).check()


# --- sometimes --------------------------------------------------------------------------------


def test_a_moment_is_noted_the_first_time_it_is_reached():
    async def scenario(sim):
        for number in range(5):
            await asyncio.sleep(1)
            sim.sometimes("third", number >= 2)
        sim.sometimes("end")

    result = run(scenario)
    assert reached(result) == [("third", 3.0), ("end", 5.0)]
    assert result.wanted == {"third", "end"}


def test_a_moment_whose_condition_never_holds_is_wanted_all_the_same():
    async def scenario(sim):
        sim.sometimes("never", False)

    result = run(scenario)
    assert result.passed
    assert not reached(result)
    assert result.wanted == {"never"}


def test_a_condition_that_is_no_bool_is_refused():
    async def scenario(sim):
        with pytest.raises(UsageError, match="True or False, not a function"):
            sim.sometimes("x", lambda: False)
        with pytest.raises(UsageError, match="printable"):
            sim.sometimes(3)

    run(scenario).check()


def test_a_promise_that_the_run_is_too_short_for_is_broken():
    async def scenario(sim):
        sim.worker("a", worker)
        sim.eventually("never", lambda: False, within=timedelta(seconds=120))

    config = Config(limit=timedelta(seconds=60))
    assert run(scenario, config=config).failure.signature == "invariant:never"
