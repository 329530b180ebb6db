"""Seeds, configs and inputs that Hypothesis draws."""

import asyncio
import importlib
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

import simqueue
from simqueue.errors import UsageError
from simqueue.hypothesis import configs, faults, seeds
from simqueue.model.config import Config, Faults

QUICK = settings(
    deadline=None,
    derandomize=True,
    database=None,
    phases=set(Phase) - {Phase.explain},  # some hundred runs under a tracer
)
BASE = Config(
    start=datetime(2025, 3, 1, tzinfo=UTC), hop=timedelta(milliseconds=3), faults=Faults(("skew",))
)


def simplest(strategy, condition=lambda drawn: True):
    return find(strategy, condition, settings=QUICK)


def test_the_simplest_seed_is_0_and_all_are_small_unless_they_may_be_larger():
    assert simplest(seeds()) == 0
    assert simplest(seeds(), lambda seed: seed > 700) in range(701, 1000)
    with pytest.raises(NoSuchExample):
        simplest(seeds(), lambda seed: seed > 999)
    assert simplest(seeds(2**63 - 1), lambda seed: seed >= 2**62) == 2**62


def test_the_simplest_config_is_the_base():
    assert simplest(configs(among="production")) == Config()
    assert simplest(configs(BASE, among="production")) == BASE


def test_a_config_strays_from_its_base_no_further_than_it_has_to():
    strategy = configs(BASE, among="production")
    paused = simplest(strategy, lambda config: "pause" in config.faults.kinds)
    assert (paused.faults.kinds, paused.hop, paused.start) == (
        ("skew", "pause"),
        BASE.hop,
        BASE.start,
    )
    steady = simplest(strategy, lambda config: not config.commit_max)
    assert (steady.commit_max, steady.hop_max, steady.faults) == (
        timedelta(0),
        BASE.hop_max,
        BASE.faults,
    )


def test_faults_are_some_of_those_that_are_named():
    assert simplest(faults()) == Faults()
    named = faults("crash,pause")
    assert simplest(named, lambda drawn: len(drawn.kinds) == 2) == Faults(("crash", "pause"))
    assert simplest(faults(Faults(("slow",))), lambda drawn: bool(drawn.kinds)) == Faults(("slow",))
    with pytest.raises(UsageError, match="no such preset"):
        configs(among="weather")


# --- composed with runs ---


def balance_of(amounts):
    """Two handlers that read a balance and write it back, as a scenario."""

    async def scenario(sim):
        balance = 0

        def app(pq):
            @pq.entrypoint("charge")
            async def charge(job):
                nonlocal balance
                before = balance
                await asyncio.sleep(0.01)
                balance = before + int(job.payload)

        sim.worker("a", app)
        sim.worker("b", app)
        payloads = [str(amount).encode() for amount in amounts]
        await sim.queries.enqueue(["charge"] * len(payloads), payloads, [0] * len(payloads))
        await sim.settled()
        assert balance == sum(amounts)

    return scenario


def test_inputs_seed_and_config_are_shrunk_together():
    tried = []

    @QUICK
    @given(st.lists(st.integers(0, 100), min_size=1, max_size=6), seeds(), configs())
    def no_update_is_lost(amounts, seed, config):
        tried.append((amounts, seed, config))
        simqueue.run(balance_of(amounts), seed=seed, config=config).check()

    with pytest.raises(simqueue.FailedRun, match="AssertionError") as raised:
        no_update_is_lost()
    amounts, seed, config = tried[-1]
    assert sorted(amounts) == [0, 1]
    assert config == Config()
    assert seed < 1000
    assert f"seed={seed}," in raised.value.__notes__[0]
    assert "config=Config()," in raised.value.__notes__[0]


def test_a_seed_that_alone_decides_is_found_and_shrunk():
    @settings(QUICK, max_examples=1000)
    @given(st.integers(0, 50), seeds())
    def never(number, seed):
        async def scenario(sim):
            await asyncio.sleep(1)
            assert number < 17 or sim.choice(range(20)) != 3

        tried.append((number, seed))
        simqueue.run(scenario, seed=seed).check()

    tried = []
    with pytest.raises(simqueue.FailedRun):
        never()
    number, seed = tried[-1]
    assert number == 17
    assert seed < 1000


def test_virtual_time_is_nothing_to_hypothesis_s_deadline():
    @settings(QUICK, deadline=timedelta(minutes=10), max_examples=20)
    @given(seeds(), configs())
    def a_day_passes(seed, config):
        async def scenario(sim):
            await asyncio.sleep(80_000)

        played = simqueue.run(scenario, seed=seed, config=config)
        played.check()
        assert played.simulated >= timedelta(seconds=80_000)

    a_day_passes()


@pytest.mark.parametrize("among", ["none", "production"])
def test_a_healthy_application_passes_whatever_is_drawn(among):
    @settings(QUICK, max_examples=40)
    @given(st.integers(1, 10), seeds(), configs(among=among))
    def every_job_is_done(jobs, seed, config):
        async def scenario(sim):
            done = set()

            def app(pq):
                @pq.entrypoint("mail")
                async def mail(job):
                    await asyncio.sleep(0.2)
                    done.add(job.id)

            sim.worker("a", app)
            sim.worker("b", app, batch_size=20)
            await sim.queries.enqueue(["mail"] * jobs, [None] * jobs, [0] * jobs)
            await sim.settled()
            assert done == set(range(1, jobs + 1))

        simqueue.run(scenario, seed=seed, config=config).check()

    every_job_is_done()


def test_without_hypothesis_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    monkeypatch.delitem(sys.modules, "simqueue.hypothesis")
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'simqueue\[hypothesis\]'"):
        importlib.import_module("simqueue.hypothesis")
