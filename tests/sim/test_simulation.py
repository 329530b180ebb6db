"""The names that a scenario uses, and the examples in their docstrings."""

import asyncio
import doctest
import inspect
import textwrap
from datetime import timedelta
from types import SimpleNamespace

import pytest

import simqueue

SIMULATION = {
    "always", "burn", "chance", "choice", "connect", "crash_server", "elapsed", "eventually",
    "fail_over", "heal", "log", "now", "random", "restart_server", "settled", "sometimes", "worker",
}  # fmt: skip
WORKER = {
    "alive", "crash", "disconnect", "exit", "incarnation", "name", "pause", "pq", "restart", "skew",
    "stop", "wait",
}  # fmt: skip
EXAMPLES = {
    f"{owner.__name__}.{name}": example
    for owner in (simqueue.Simulation, simqueue.Worker)
    for name in dir(owner)
    if not name.startswith("_")
    and (example := doctest.DocTestParser().get_examples(inspect.getdoc(getattr(owner, name))))
}


def public(owner):
    return {name for name in dir(owner) if not name.startswith("_")}


def app(pq):
    @pq.entrypoint("send_mail")
    async def send_mail(job): ...


def test_an_editor_offers_a_scenario_its_verbs_and_nothing_of_the_machinery():
    async def scenario(sim):
        assert public(sim) == {*SIMULATION, "driver", "queries"}
        assert public(sim.worker("a", app)) == WORKER

    simqueue.run(scenario).check()


@pytest.mark.parametrize("owner", [simqueue.Simulation, simqueue.Worker])
def test_each_public_name_of_the_scenario_api_has_a_docstring(owner):
    assert [name for name in public(owner) if not inspect.getdoc(getattr(owner, name))] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_of_the_scenario_api_runs(name):
    body = "".join(each.source for each in EXAMPLES[name])
    code = f"async def example():\n{textwrap.indent(body, '    ')}"

    async def scenario(sim):
        known = {
            "accounts": {"ann": 60, "bob": 40},
            "app": app,
            "asyncio": asyncio,
            "job": SimpleNamespace(attempts=1),
            "paid": range(50),
            "pq": simqueue.in_memory(),
            "sim": sim,
            "simqueue": simqueue,
            "timedelta": timedelta,
            "worker": sim.worker("worker", app),
        }
        exec(code, known)
        await known["example"]()

    simqueue.run(scenario).check()


def test_a_worker_is_printed_with_its_name_and_state():
    async def scenario(sim):
        worker = sim.worker("a", app)
        assert repr(worker) == "<Worker 'a', incarnation 1, up>"
        worker.crash()
        assert repr(worker) == "<Worker 'a', incarnation 1, ended: killed>"

    simqueue.run(scenario).check()
