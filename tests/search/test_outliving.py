"""Pictures of the state that user code keeps, and what differs between two of them."""

import asyncio
import collections
import functools
import itertools
import sys
from types import ModuleType
from unittest.mock import AsyncMock, Mock

import pytest

from simqueue.search.processes.outliving import UNSEEN, difference, picture


class Given:
    """A scenario that was given things."""

    def __init__(self, **given):
        self.given = given

    async def __call__(self, sim):
        pass

    def belongings(self):
        return self.given


class Account:
    """An object of the application's."""

    __slots__ = ("balance",)

    def __init__(self):
        self.balance = 0


def changed(scenario, change):
    """Return what is named when ``change`` was made between two pictures."""
    before = picture(scenario)
    change()
    return difference(before, picture(scenario))


def cached():
    @functools.lru_cache
    def price(item):
        return item

    return price


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("value", "change"),
    [
        ([], lambda value: value.append(1)),
        ({}, lambda value: value.update(a=1)),
        ({1}, lambda value: value.add(2)),
        (collections.deque(), lambda value: value.append(1)),
        (collections.Counter(), lambda value: value.update("a")),
        ({"deep": [[]]}, lambda value: value["deep"][0].append(1)),
        (Account(), lambda value: setattr(value, "balance", 1)),
        (Mock(), lambda value: value()),
        (AsyncMock(), lambda value: asyncio.run(value())),
        (itertools.count(), next),
        (cached(), lambda value: value(1)),
        (lambda seen=[]: seen, lambda value: value().append(1)),
        (bytearray(), lambda value: value.append(1)),
    ],
)
def test_a_change_of_what_a_scenario_was_given_is_named(value, change):
    assert changed(Given(box=value), lambda: change(value)) == "box"


@pytest.mark.thorough
def test_files_of_a_directory_are_looked_at(tmp_path):
    scenario = Given(**{"fixture 'tmp_path'": tmp_path})
    assert changed(scenario, lambda: (tmp_path / "a").write_text("1")) == "fixture 'tmp_path'"
    assert changed(scenario, lambda: (tmp_path / "a").write_text("12")) == "fixture 'tmp_path'"


@pytest.mark.thorough
def test_globals_and_class_attributes_of_modules_are_named(tmp_path, monkeypatch):
    module = ModuleType("shop_that_keeps")
    module.__file__ = str(tmp_path / "shop.py")
    module.SEEN = set()
    module.Shop = type("Shop", (), {"orders": [], "__module__": module.__name__})
    monkeypatch.setitem(sys.modules, module.__name__, module)
    scenario = Given()
    assert changed(scenario, lambda: module.SEEN.add(1)) == "shop_that_keeps.SEEN"
    assert changed(scenario, lambda: module.Shop.orders.append(1)) == "shop_that_keeps.Shop.orders"
    assert changed(scenario, lambda: monkeypatch.setattr(module, "TOKEN", "x", raising=False)) == (
        "shop_that_keeps.TOKEN"
    )


@pytest.mark.thorough
def test_variables_around_a_scenario_and_the_environment_are_named(monkeypatch):
    sent = []

    async def scenario(sim):
        sent.append(1)

    assert changed(scenario, lambda: sent.append(1)) == "variable 'sent' around scenario"
    assert changed(scenario, lambda: monkeypatch.setenv("SHOP", "1")) == "environment variable SHOP"


@pytest.mark.thorough
def test_what_cannot_be_seen_is_said_to_be_so_and_much_is_cut_short():
    scenario = Given(**{name: [] for name in "abcdef"})
    assert changed(scenario, lambda: None) == UNSEEN

    def change():
        for each in scenario.given.values():
            each.append(1)

    assert changed(scenario, change) == "a, b, c, d and 2 more"


@pytest.mark.thorough
def test_an_object_that_cannot_be_looked_into_is_passed_over():
    class Broken:
        def __getattribute__(self, name):
            raise RuntimeError(name)

    loop = []
    loop.append(loop)
    assert changed(Given(broken=Broken(), loop=loop), lambda: None) == UNSEEN


class Asked:
    """An object that changes when it is looked at."""

    def __init__(self):
        self.times = itertools.count()

    @property
    def __dict__(self):
        return {"asked": next(self.times)}


def test_what_looking_at_it_changes_is_not_named():
    box = []
    assert changed(Given(asked=Asked(), box=box), lambda: box.append(1)) == "box"


@pytest.mark.thorough
def test_what_users_keep_is_named_before_what_libraries_do(monkeypatch, tmp_path):
    library = ModuleType("library")
    library.__file__ = str(tmp_path / "site-packages" / "library" / "__init__.py")
    registry = type("Registry", (), {"__module__": "library"})()
    registry.known = 0
    shop = ModuleType("shop")
    shop.__file__ = str(tmp_path / "shop.py")
    shop.REGISTRY, shop.SEEN = registry, []
    monkeypatch.setitem(sys.modules, "library", library)
    monkeypatch.setitem(sys.modules, "shop", shop)

    def use():
        registry.known = 1
        shop.SEEN.append(1)

    assert changed(Given(), use) == "shop.SEEN, shop.REGISTRY"
