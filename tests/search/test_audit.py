from simqueue.search.audit import HASH_SEEDS, audit
from simqueue.search.target import load_target


def test_a_scenario_that_leaves_nothing_open_is_the_same_everywhere(project):
    project("calm.py", "async def scenario(sim):\n    sim.log.info(sim.choice('abc'))\n")
    audited = audit(load_target("calm.py"), seed=3)
    assert audited.same
    assert len(audited.circumstances) == 1 + len(HASH_SEEDS)


def test_the_order_of_a_set_of_strings_is_found_out(project):
    project(
        "leaky.py",
        """
        async def scenario(sim):
            sim.log.info("first")
            sim.log.info(",".join({f"key-{number}" for number in range(50)}))
        """,
    )
    audited = audit(load_target("leaky.py"))
    assert not audited.same
    found = [one.difference for one in audited.circumstances if one.difference is not None]
    assert {difference.number for difference in found} == {1}
    assert {difference.actor for difference in found} == {"scenario"}
    assert "key-" in found[0].one


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
