"""The marker ``simqueue``: its arguments, and their effect on a test's runs."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from simqueue.pytest_plugin.scenario import FIXTURE

if TYPE_CHECKING:
    from simqueue.model.config import Config

MARKER = "simqueue"
_ARGUMENTS = ("runs", "seed", "strategy", "config", "faults", "without")
_RUNS = 100
DESCRIPTION = (
    f"{MARKER}({'=..., '.join(_ARGUMENTS)}=...): run this `async def test(sim)` in simulated "
    "worlds, once for each of `runs` seeds."
)


def problem_of(test: Any, marker: pytest.Mark) -> str:
    """Return why a marked test cannot be run; ``""`` if it can."""
    if getattr(test, "is_hypothesis_test", False):
        return (
            f"is marked {MARKER}, and takes inputs of @given, which its trace could not repeat: "
            "write a `def` without the marker that draws its seed, too, and calls "
            "simqueue.run(scenario, seed=seed).check(); simqueue.hypothesis.seeds() draws seeds"
        )
    if not inspect.iscoroutinefunction(test):
        return f"is marked {MARKER}, so it must be an `async def`"
    if FIXTURE not in inspect.signature(test).parameters:
        return f"is marked {MARKER}, so it must take `{FIXTURE}`, the simulation it runs in"
    return _problem_of_arguments(marker)


def _problem_of_arguments(marker: pytest.Mark) -> str:
    unknown = [*map(repr, marker.args), *sorted(set(marker.kwargs).difference(_ARGUMENTS))]
    if unknown:
        return f"its marker takes {'=, '.join(_ARGUMENTS)}=, not {', '.join(unknown)}"
    for name, least in (("runs", 1), ("seed", 0)):
        number = marker.kwargs.get(name, least)
        if not isinstance(number, int) or number < least:
            return f"its marker's {name} must be a whole number of {least} or more, not {number!r}"
    return ""


def _arguments(item: pytest.Item) -> Mapping[str, Any]:
    marker = item.get_closest_marker(MARKER)
    return {} if marker is None else marker.kwargs


def seeds_of(item: pytest.Item) -> tuple[int, int]:
    """Return how many seeds a test runs, and the first; options override the marker."""
    runs, seed = item.config.getoption("--simqueue-runs"), item.config.getoption("--simqueue-seed")
    marked = _arguments(item)
    runs = marked.get("runs", _RUNS) if runs is None else runs
    return runs, marked.get("seed", 0) if seed is None else seed


def strategy_of(item: pytest.Item) -> str:
    """Return the strategy of a test's campaign."""
    from simqueue.search.planning.strategies import DEFAULT

    strategy: str = _arguments(item).get("strategy", DEFAULT)
    return strategy


def config_of(item: pytest.Item) -> Config:
    """Return the config of a test's runs, from ``config``, ``faults`` and ``without``.

    Raises:
        UsageError: one of them has a wrong type or value.
    """
    import msgspec

    from simqueue.errors import UsageError
    from simqueue.model.config import Config, Faults

    marked = _arguments(item)
    config, faults, without = marked.get("config"), marked.get("faults"), marked.get("without")
    if config is None:
        config = Config()
    elif not isinstance(config, Config):
        raise UsageError(f"the marker's config must be a simqueue.Config, not {config!r}")
    if isinstance(faults, str):
        faults = Faults.named(faults)
    if faults is not None:
        if not isinstance(faults, Faults):
            raise UsageError(
                f"the marker's faults must be a simqueue.Faults or text, not {faults!r}"
            )
        config = msgspec.structs.replace(config, faults=faults)
    if without is not None:
        names = (without,) if isinstance(without, str) else tuple(without)
        config = msgspec.structs.replace(config, without=(*config.without, *names))
    return config
