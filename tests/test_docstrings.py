"""Every public name has a docstring with an example, which runs as it stands there."""

import asyncio
import datetime as dt
import doctest

import pytest

import simqueue

NAMES = [name for name in simqueue.__all__ if not name.startswith("__")]


def app(pq):
    @pq.entrypoint("send_mail")
    async def send_mail(job): ...


async def scenario(sim):
    await asyncio.sleep(1)


async def broken(sim):
    if sim.choice(range(4)) == 2:
        raise AssertionError("the coin fell on its edge")


@pytest.fixture(scope="module")
def bad_seed():
    return next(seed for seed in range(50) if not simqueue.run(broken, seed=seed).passed)


@pytest.mark.parametrize("name", NAMES)
def test_the_example_in_a_docstring_runs(name, bad_seed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = {
        "app": app,
        "asyncio": asyncio,
        "bad_seed": bad_seed,
        "broken": broken,
        "datetime": dt,
        "scenario": scenario,
        "simqueue": simqueue,
        "timedelta": dt.timedelta,
    }
    told = getattr(simqueue, name).__doc__
    examples = doctest.DocTestParser().get_doctest(told, known, name, None, 0)
    assert examples.examples
    said = []
    doctest.DocTestRunner().run(examples, out=said.append)
    assert "".join(said) == ""
