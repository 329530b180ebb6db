import pytest

from simqueue.search.audit.audit import HASH_SEEDS, audit
from simqueue.search.target import load_target


@pytest.mark.thorough
def test_a_scenario_that_leaves_nothing_open_is_the_same_everywhere(project):
    project("calm.py", "async def scenario(sim):\n    sim.log.info(sim.choice('abc'))\n")
    audited = audit(load_target("calm.py"), seed=3)
    assert audited.same
    assert audited.causes == ()
    assert len(audited.circumstances) == 1 + len(HASH_SEEDS)


@pytest.mark.thorough
def test_the_order_of_a_set_of_strings_is_found_out_and_the_set_named(project):
    project(
        "leaky.py",
        """
        import asyncio

        async def scenario(sim):
            calm = set(range(50))
            waiting = {f"key-{number}" for number in calm}
            sim.log.info("first")
            for key in waiting:
                await asyncio.sleep(0.001)
                sim.log.info(key)
        """,
    )
    audited = audit(load_target("leaky.py"))
    assert not audited.same
    found = [one.difference for one in audited.circumstances if one.difference is not None]
    assert {difference.number for difference in found} == {1}
    assert {difference.actor for difference in found} == {"scenario"}
    assert "key-" in found[0].one
    (cause,) = audited.causes
    assert "the order of a set of str, waiting at leaky.py:" in cause
    assert "PYTHONHASHSEED decides" in cause


@pytest.mark.thorough
def test_the_order_of_objects_without_a_hash_is_named_too(project):
    project(
        "leaky.py",
        """
        import random

        class Thing:
            def __init__(self, number):
                self.number = number

        async def scenario(sim):
            with open("/dev/urandom", "rb") as file:
                junk = [Thing(number) for number in range(file.read(1)[0])]
            things = [Thing(number) for number in range(40)]
            random.shuffle(things)
            held = set(things)
            sim.log.info(",".join(str(thing.number) for thing in held))
        """,
    )
    (cause,) = audit(load_target("leaky.py")).causes
    assert "the order of a set of Thing, held at leaky.py:" in cause
    assert "without a __hash__" in cause


def test_what_one_run_leaves_behind_in_the_process_is_found_out(project):
    project(
        "counting.py",
        """
        RUNS = []

        async def scenario(sim):
            RUNS.append(1)
            sim.log.info(f"run {len(RUNS)}")
        """,
    )
    audited = audit(load_target("counting.py"))
    assert audited.circumstances[0].difference is not None
    assert all(one.difference is None for one in audited.circumstances[1:])
    (cause,) = audited.causes
    assert cause.startswith("what the first run left")
