import asyncio
import random

import msgspec
import pytest

from simqueue.errors import DivergenceError, TraceFormatError, UsageError
from simqueue.search.replay.replayer import replay
from simqueue.sim.run import run


async def failing(sim):
    sim.log.info("begin", choice=sim.choice(range(100)))
    await asyncio.sleep(1)
    sim.log.info("end")
    raise ValueError("no money")


async def fixed(sim):
    sim.log.info("begin", choice=sim.choice(range(100)))
    await asyncio.sleep(1)
    sim.log.info("end")


async def fixed_and_longer(sim):
    await fixed(sim)
    sim.log.info("and on it goes")


async def rewritten(sim):
    sim.log.info("something else")


async def otherwise(sim):
    await fixed(sim)
    raise KeyError("other")


def recorded(scenario, seed=3):
    return run(scenario, seed=seed, target="x.py:scenario").trace


def test_the_same_code_reproduces_a_failure():
    again = replay(recorded(failing), scenario=failing)
    assert (again.verdict, again.reproduced, again.divergence) == ("reproduced", True, None)
    assert again.run.digest == again.trace.digest
    assert "failed the same way" in str(again)


def test_a_passing_trace_is_reproduced_too():
    again = replay(recorded(fixed), scenario=fixed)
    assert again.verdict == "reproduced"
    assert "it passed" in str(again)


@pytest.mark.parametrize("scenario", [fixed, fixed_and_longer])
def test_a_failure_whose_events_all_happen_again_without_it_is_gone(scenario):
    again = replay(recorded(failing), scenario=scenario)
    assert again.verdict == "gone"
    assert again.run.passed


def test_a_run_that_goes_its_own_way_and_passes_has_drifted():
    trace = recorded(failing)
    again = replay(trace, scenario=rewritten)
    assert again.verdict == "drifted-passed"
    assert again.divergence.number < len(trace.events)
    assert "the trace has" in str(again)


def test_a_run_that_goes_its_own_way_and_fails_alike_is_told_apart():
    trace = recorded(failing)
    other = msgspec.structs.replace(trace.events[-1], worker="somebody")
    drifted = msgspec.structs.replace(trace, events=(*trace.events[:-1], other))
    again = replay(drifted, scenario=failing)
    assert again.verdict == "drifted-alike"
    assert again.divergence.number == len(trace.events) - 1
    assert "somebody" in again.divergence.one


def test_a_shorter_run_drifts_at_its_end():
    trace = recorded(failing)
    longer = msgspec.structs.replace(trace, events=(*trace.events, trace.events[-1]))
    again = replay(longer, scenario=failing)
    assert again.verdict == "drifted-alike"
    assert again.divergence.other == "the end of the run"


def test_another_failure_is_different():
    assert replay(recorded(failing), scenario=otherwise).verdict == "different"


def test_a_passing_trace_that_fails_now_is_different():
    assert replay(recorded(fixed), scenario=failing).verdict == "different"


def test_a_digest_that_differs_is_no_silent_pass():
    trace = recorded(fixed)
    again = replay(msgspec.structs.replace(trace, digest="0" * 32), scenario=fixed)
    assert again.verdict == "drifted-passed"
    assert "randomness and clock readings" in str(again)
    with pytest.raises(DivergenceError, match="randomness and clock readings"):
        replay(msgspec.structs.replace(trace, digest="0" * 32), scenario=fixed, exact=True)


def test_randomness_that_no_event_shows_is_noticed():
    async def drawing(sim):
        random.random()

    async def drawing_more(sim):
        random.random()
        random.random()

    assert replay(recorded(drawing), scenario=drawing).reproduced
    assert not replay(recorded(drawing), scenario=drawing_more).reproduced


def test_an_exact_replay_stops_at_the_first_event_that_differs():
    seen = []

    async def rewritten_and_watched(sim):
        sim.log.info("something else")
        await asyncio.sleep(5)
        seen.append("went on")

    with pytest.raises(DivergenceError) as caught:
        replay(recorded(failing), scenario=rewritten_and_watched, exact=True)
    assert caught.value.number == 0
    assert "something else" in caught.value.happened
    assert caught.value.actor == "scenario"
    assert not seen


def test_an_exact_replay_of_the_same_code_is_quiet():
    assert replay(recorded(failing), scenario=failing, exact=True).reproduced


def test_a_file_is_replayed_by_its_path(project):
    project("x.py", "async def scenario(sim):\n    assert sim.choice([1, 2, 3]) == 0\n")
    from simqueue.search.target import load_target

    target = load_target("x.py")
    run(target.scenario, seed=5, target=target.name).trace.save("t.json")
    assert replay("t.json").reproduced


def test_a_trace_of_a_test_or_of_nothing_says_how_it_is_replayed():
    trace = recorded(fixed)
    with pytest.raises(UsageError, match=r"run `pytest a\.py::t --simqueue-replay"):
        replay(msgspec.structs.replace(trace, target="pytest:a.py::t"))
    with pytest.raises(UsageError, match=r"""run `pytest 'a\.py::t\['"'"'; rm b\]' --sim"""):
        replay(msgspec.structs.replace(trace, target="pytest:a.py::t['; rm b]"))
    with pytest.raises(UsageError, match="names no target"):
        replay(msgspec.structs.replace(trace, target=""))
    with pytest.raises(TraceFormatError):
        replay("no/such/file.json")


@pytest.mark.parametrize("target", ["x.py:scenario", "pytest:test_x.py::test_it"])
def test_a_replay_that_drifts_by_an_order_alone_says_so_and_how_to_find_the_set(target):
    orders = iter(["abcd", "dabc"])

    async def scenario(sim):
        for key in next(orders):
            sim.log.info(key)
        raise ValueError("no money")

    again = replay(run(scenario, seed=3, target=target).trace, scenario=scenario, nearby=0)
    assert again.verdict == "drifted-alike"
    assert "both have the same in another order, as if the order of a set decided" in str(again)
    assert ("`simqueue audit x.py:scenario --seed 3`" in str(again)) == (target == "x.py:scenario")


def test_a_replay_that_drifts_otherwise_says_nothing_of_an_order():
    assert "order" not in str(replay(recorded(failing), scenario=rewritten))
