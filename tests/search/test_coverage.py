import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from simqueue import Config, Faults, run
from simqueue.search.coverage import coverage

SAID = """
import json, sys
sys.path.insert(0, "tests/search")
from test_coverage import shop
from simqueue import run
from simqueue.search.coverage import coverage
print(json.dumps(sorted(coverage(run(shop, seed=4)))))
"""


async def shop(sim):
    def app(pq):
        @pq.entrypoint("pack", concurrency_limit=2)
        async def pack(job):
            await asyncio.sleep(sim.random.random())

    sim.worker("a", app)
    b = sim.worker("b", app)
    await sim.queries.enqueue(["pack"] * 5, [None] * 5, [0] * 5)
    await asyncio.sleep(1)
    if sim.chance(0.5):
        b.crash()
    await sim.settled()


async def idle(sim):
    pass


def test_a_run_in_which_nothing_happens_comes_to_nothing():
    assert coverage(run(idle)) == frozenset()


def test_equal_runs_come_to_the_same_and_others_to_more():
    assert coverage(run(shop, seed=4)) == coverage(run(shop, seed=4))
    seen = [coverage(run(shop, seed=seed)) for seed in range(8)]
    assert len(set(seen)) > 1
    assert len(frozenset().union(*seen)) > max(map(len, seen))


def test_the_same_states_have_the_same_numbers_in_another_process():
    root = Path(__file__).parents[2]
    said = set()
    for hash_seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)}
        played = subprocess.run(
            [sys.executable, "-c", SAID], cwd=root, env=env, stdout=subprocess.PIPE, check=True
        )
        said.add(tuple(json.loads(played.stdout)))
    assert said == {tuple(sorted(coverage(run(shop, seed=4))))}


def test_how_many_jobs_are_alike_and_when_does_not_count():
    def shop_of(jobs, pause):
        async def many(sim):
            def app(pq):
                @pq.entrypoint("pack")
                async def pack(job):
                    await asyncio.sleep(1)

            sim.worker("a", app)
            await sim.queries.enqueue(["pack"] * jobs, [None] * jobs, [0] * jobs)
            await asyncio.sleep(pause)
            await sim.settled()

        return coverage(run(many, choices={}))

    assert shop_of(6, 3) == shop_of(7, 4)
    assert shop_of(1, 3) < shop_of(7, 3)


def test_a_fault_makes_states_new():
    config = Config(faults=Faults.named("crash"))
    struck = next(
        played
        for played in (run(shop, seed=seed, config=config) for seed in range(50))
        if any(type(entry.event).__name__ == "FaultStruck" for entry in played.events)
    )
    calm = run(shop, seed=struck.seed)
    assert coverage(struck) - coverage(calm)
