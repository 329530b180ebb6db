"""The pytest plugin: a marked test is a scenario, run with many seeds or as a trace recorded it.

``options``     options of the command line; ``marker``: the marker's arguments
``collection`` which tests are ours, and the function called in their place
``running``     a test's saved failures and its seeds; ``replaying``: a trace of it
``scenario``    a test as a scenario; ``travels``: time travel around it
``failing``     a failed test: its story, its trace, its frames
``alone``       a failed test once more, in a process in which no other test ran
``output``      what pytest prints for the plugin
``state``       what the hooks keep in pytest's stashes

The hooks are here. What is slow to import is imported when the first marked test runs.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Generator
from typing import Any

import pytest

from simqueue.pytest_plugin import state
from simqueue.pytest_plugin.collection import (
    NoSimulation,
    claim,
    refuse_unclaimed,
    select_recorded,
)
from simqueue.pytest_plugin.marker import DESCRIPTION, MARKER
from simqueue.pytest_plugin.options import add_options, read_options
from simqueue.pytest_plugin.output import fail, write_line, write_remarks
from simqueue.pytest_plugin.scenario import FIXTURE


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker; read the options and the trace to replay."""
    config.addinivalue_line("markers", DESCRIPTION)
    read_options(config)


@pytest.fixture
def sim(request: pytest.FixtureRequest) -> object:
    """The simulation that a marked test runs in; each seed has its own, made when the test runs."""
    if request.node.get_closest_marker(MARKER) is None:
        fail(f"`{FIXTURE}` is for tests marked @pytest.mark.{MARKER}")
    return NoSimulation()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_pycollect_makeitem() -> Generator[None, Any, Any]:
    """Claim marked tests before plugins for asyncio do."""
    made = yield
    for item in made if isinstance(made, list) else [made]:
        if isinstance(item, pytest.Function):
            claim(item)
    return made


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With a trace to replay, leave only its test."""
    select_recorded(config, items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Before the first test, fork a process in which a failed test can be tried alone."""
    idle = session.config.option.collectonly or session.config.stash[state.TRACE] is not None
    if not idle and any(state.OURS in item.stash for item in session.items):
        from simqueue.pytest_plugin.alone import open_clean

        open_clean(session)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End that process."""
    if "simqueue.pytest_plugin.alone" in sys.modules:
        from simqueue.pytest_plugin.alone import close_clean

        close_clean(config)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Count the test; fail a marked one that something else would run."""
    item.config.stash[state.STARTED] += 1
    refuse_unclaimed(item)


def pytest_enter_pdb(config: pytest.Config) -> None:
    """Remember that the test that runs is debugged."""
    config.stash[state.DEBUGGED] = True


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write for `simqueue replay` that the user quit the debugger while the test ran."""
    from simqueue.model.files import write_whole

    config = session.config
    path = config.getoption("--simqueue-verdict")
    quit_by_user = exitstatus == pytest.ExitCode.INTERRUPTED and config.stash[state.REPLAYING]
    if path is not None and quit_by_user and not config.stash[state.VERDICTS]:
        write_whole(path, b"quit:\n")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print verdicts of replays and remarks about runs, also of tests that pass."""
    for sentence in config.stash[state.VERDICTS]:
        write_line(terminalreporter, sentence)
    for report in itertools.chain(*terminalreporter.stats.values()):
        if isinstance(report, pytest.TestReport) and report.when == "call":
            write_remarks(terminalreporter, report)
