import functools

import pytest

from simqueue.search.planning.sometimes import moments_in
from simqueue.search.target import load_target

NAME = "computed"


async def literal(sim):
    if sim.chance(0):
        sim.sometimes("first")
    sim.sometimes("second", condition=False)
    sim.sometimes(name="third")


async def elsewhere(sim):
    sim.sometimes("not of the others")


async def without_any(sim):
    sim.always("always", lambda: True)
    sim.sometimes(NAME)
    sim.sometimes(f"{NAME} too")
    sim.sometimes(3)


def helper(simulation):
    simulation.sometimes("in a helper")
    deeper(simulation)


def deeper(sim):
    sim.sometimes("deeper")
    helper(sim)


class Shop:
    def open(self, sim):
        sim.sometimes("in a method")


async def through_others(sim):
    Shop().open(sim)
    app = functools.partial(helper, sim)
    app()


class Scenarios:
    async def one(self, sim):
        self.shared(sim)
        sim.sometimes("one")

    async def two(self, sim):
        sim.sometimes("two")

    def shared(self, sim):
        sim.sometimes("shared")


class Callable:
    async def __call__(self, sim):
        sim.sometimes("called")


def decorated(function):
    @functools.wraps(function)
    async def wrapper(sim):
        await function(sim)

    return wrapper


@decorated
@decorated
async def wrapped(sim):
    sim.sometimes("wrapped")


@pytest.mark.parametrize(
    ("scenario", "moments"),
    [
        (literal, {"first", "second", "third"}),
        (without_any, set()),
        (through_others, {"in a helper", "deeper", "in a method"}),
        (Scenarios().one, {"one", "shared"}),
        (Callable(), {"called"}),
        (wrapped, {"wrapped"}),
        (functools.partial(literal), {"first", "second", "third"}),
        (print, set()),
        (None, set()),
    ],
)
def test_moments_are_read_from_the_source(scenario, moments):
    assert moments_in(scenario) == moments


def test_a_nested_scenario_has_its_own_moments_and_those_of_what_it_names():
    def app(sim):
        sim.sometimes("in the app")

    def unused(sim):
        sim.sometimes("unused")

    async def scenario(sim):
        def inner():
            sim.sometimes("inner")

        app(sim)
        inner()

    assert moments_in(scenario) == {"in the app", "inner"}


def test_the_innermost_of_a_name_is_what_is_meant():
    def helper(sim):
        sim.sometimes("the nearer helper")

    async def scenario(sim):
        helper(sim)

    assert moments_in(scenario) == {"the nearer helper"}


def test_scenarios_of_one_name_are_told_apart():
    async def scenario(sim):
        sim.sometimes("one")

    one = scenario

    async def scenario(sim):
        sim.sometimes("other")

    assert moments_in(one) == {"one"}
    assert moments_in(scenario) == {"other"}


def test_a_file_that_is_named_on_the_command_line_is_read_as_it_is_now(project):
    for name in ("before", "after"):
        project("it.py", f"async def scenario(sim):\n    sim.sometimes('{name}')\n")
        assert moments_in(load_target("it.py").scenario) == {name}


def test_a_scenario_without_source_has_no_moments():
    space = {}
    exec("async def scenario(sim):\n    sim.sometimes('x')\n", space)
    assert moments_in(space["scenario"]) == frozenset()
