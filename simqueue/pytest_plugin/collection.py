"""Collection: selects the marked tests, and the function that pytest calls in their place."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from simqueue.pytest_plugin import state
from simqueue.pytest_plugin.marker import MARKER, problem_of
from simqueue.pytest_plugin.output import collect_error, fail, usage_error
from simqueue.pytest_plugin.scenario import FIXTURE
from simqueue.search.nodes import PYTEST

_NOT_ASYNC = "ignore:The test .* is marked with '@pytest.mark.asyncio':pytest.PytestWarning"
"""A module may mark all its tests for pytest-asyncio, including ours, which it then warns of."""


class NoSimulation:
    """The value of ``sim`` in other fixtures: there is no simulation before the test runs."""

    def __getattr__(self, name: str) -> NoReturn:
        fail(
            f"a fixture cannot use `{FIXTURE}.{name}`: each seed's simulation is made when the "
            "test runs; let the fixture return a function that the test calls with it"
        )


def claim(item: pytest.Function) -> None:
    """Give a marked test a function that runs it in simulations.

    Raises:
        pytest.Collector.CollectError: it cannot be run.
    """
    marker = item.get_closest_marker(MARKER)
    if marker is None:
        return
    problem = problem_of(item.obj, marker)
    if problem:
        raise collect_error(f"{item.nodeid}: {problem}")
    item.obj = _player(item, item.obj)
    item.stash[state.OURS] = True
    if item.get_closest_marker("asyncio"):
        item.add_marker(pytest.mark.filterwarnings(_NOT_ASYNC))


def _player(item: pytest.Function, test: Callable[..., Any]) -> Callable[..., None]:
    @functools.wraps(test)
    def play(**fixtures: Any) -> None:
        from simqueue.pytest_plugin.running import play  # slow to import

        play(item, test, fixtures)

    return play


def refuse_unclaimed(item: pytest.Item) -> None:
    """Fail a marked test that something else would run: without a simulation it may pass."""
    marked = isinstance(item, pytest.Function) and item.get_closest_marker(MARKER)
    if marked and state.OURS not in item.stash:
        fail(
            f"{item.nodeid} is marked {MARKER}, but it is none of pytest's own functions (a method "
            "of a unittest.TestCase takes no fixtures): make it a function or a method of a plain "
            "class"
        )


def select_recorded(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With a trace to replay, leave only its test.

    Raises:
        pytest.UsageError: the test was not collected.
    """
    trace = config.stash[state.TRACE]
    if trace is None:
        return
    node = trace.target.removeprefix(PYTEST)
    chosen = [item for item in items if _is_same(item.nodeid, node)]
    # In a process of pytest-xdist an error would be an internal one; nothing is run there either.
    if not chosen and not hasattr(config, "workerinput"):
        from simqueue.errors import NAME_SHOWN, excerpt

        what = f"the trace is of {excerpt(node, NAME_SHOWN)}, which was not collected"
        raise usage_error(f"--simqueue-replay: {what}")
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


def _is_same(node: str, recorded: str) -> bool:
    """Return whether two node ids name one test, perhaps from different root directories."""
    (file, _, test), (recorded_file, _, recorded_test) = (
        node.partition("::"),
        recorded.partition("::"),
    )
    parts, recorded_parts = file.split("/"), recorded_file.split("/")
    shared = min(len(parts), len(recorded_parts))
    return test == recorded_test and parts[-shared:] == recorded_parts[-shared:]
