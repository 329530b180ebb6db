"""Options of the command line: how marked tests are run, and which trace is replayed."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from simqueue.pytest_plugin import state
from simqueue.pytest_plugin.output import usage_error
from simqueue.search.budgets import NEARBY_RUNS, SHRINK_RUNS
from simqueue.search.nodes import PYTEST

if TYPE_CHECKING:
    from simqueue.model.trace import Trace
    from simqueue.search.replay.breakpoints import Breakpoints

_LEAST = {
    "--simqueue-runs": 1,
    "--simqueue-seed": 0,
    "--simqueue-shrink-runs": 0,
    "--simqueue-nearby": 0,
}
"""The least values of options that take a number."""
_BREAKS: Mapping[str, tuple[type, str, str]] = {
    "": (int, "N", "this event"),
    "job": (int, "ID", "each event of this job"),
    "schedule": (int, "ID", "each event of this schedule"),
    "kind": (str, "KIND", "each event of this kind"),
}
"""Options for the events to stop at: the suffix, the type, the metavar, and words of the help."""


def add_options(parser: pytest.Parser) -> None:
    """Add all options."""
    group = parser.getgroup("simqueue", "simulated PgQueuer runs")
    _add_seed_options(group)
    _add_failure_options(group)
    _add_replay_options(group)
    # `simqueue replay` reads the verdict of a test from this file; users do not type it.
    group.addoption("--simqueue-verdict", help=argparse.SUPPRESS)


def _add_seed_options(group: pytest.OptionGroup) -> None:
    group.addoption(
        "--simqueue-runs",
        type=int,
        metavar="N",
        help="run N seeds of each marked test; overrides its marker",
    )
    group.addoption(
        "--simqueue-seed",
        type=int,
        metavar="N",
        help="begin with this seed; overrides the marker",
    )


def _add_failure_options(group: pytest.OptionGroup) -> None:
    group.addoption(
        "--simqueue-traces",
        metavar="DIR",
        default=".simqueue/failures",
        help="save failed runs in this directory (default: %(default)s)",
    )
    group.addoption(
        "--simqueue-no-regressions",
        action="store_true",
        help="do not replay a test's saved failures before its seeds",
    )
    group.addoption(
        "--simqueue-shrink-runs",
        type=int,
        default=SHRINK_RUNS,
        metavar="N",
        help="spend up to N runs on simplifying a failure, 0 for none (default: %(default)s)",
    )


def _add_replay_options(group: pytest.OptionGroup) -> None:
    group.addoption(
        "--simqueue-replay", metavar="FILE", help="replay this trace; other tests are deselected"
    )
    group.addoption("--simqueue-exact", action="store_true", help="end a replay where it diverges")
    group.addoption(
        "--simqueue-nearby",
        type=int,
        metavar="N",
        default=NEARBY_RUNS,
        help="play up to N variations of a trace that drifts and passes (default: %(default)s)",
    )
    for noun, (of, metavar, event) in _BREAKS.items():
        group.addoption(
            _break_option(noun),
            action="append",
            type=of,
            default=[],
            metavar=metavar,
            help=f"with --simqueue-replay: open the debugger at {event}; repeatable",
        )


def _break_option(noun: str) -> str:
    return "--simqueue-break" + f"-{noun}" * bool(noun)


def read_options(config: pytest.Config) -> None:
    """Check the options, load the trace to replay, and set up the stashes.

    Raises:
        pytest.UsageError: an option's value is wrong, or the trace cannot be replayed.
    """
    for option, least in _LEAST.items():
        number = config.getoption(option)
        if number is not None and number < least:
            raise usage_error(f"{option} must be {least} or more, not {number}")
    path = config.getoption("--simqueue-replay")
    config.stash[state.TRACE] = None if path is None else _load(path)
    _check_breaks(config)
    # Now: a test may change the current directory.
    config.stash[state.TRACES] = Path.cwd() / config.getoption("--simqueue-traces")
    config.stash[state.VERDICTS] = []
    config.stash[state.REPLAYING] = False
    config.stash[state.STARTED] = 0


def _load(path: str) -> Trace:
    from simqueue.errors import NAME_SHOWN, TraceFormatError, excerpt
    from simqueue.model.trace import Trace

    try:
        trace = Trace.load(path)
    except TraceFormatError as error:
        raise usage_error(f"--simqueue-replay: {error}") from None
    if not trace.target.startswith(PYTEST):
        what = f"is of {excerpt(trace.target, NAME_SHOWN) or 'a scenario'}, which is no test"
        raise usage_error(
            f"--simqueue-replay: {path} {what}; run `simqueue replay {shlex.quote(path)}`"
        )
    return trace


def _stops(config: pytest.Config) -> dict[str, list[Any]]:
    """Return the values of the options for the events to stop at, by what they select by."""
    return {f"{noun or 'event'}s": config.getoption(_break_option(noun)) for noun in _BREAKS}


def breakpoints(config: pytest.Config) -> Breakpoints | None:
    """Return where the replay is to stop; None if it is not to."""
    trace, stops = config.stash[state.TRACE], _stops(config)
    if trace is None or not any(stops.values()):
        return None
    from simqueue.search.replay.breakpoints import Breakpoints

    return Breakpoints(trace, **stops)


def _check_breaks(config: pytest.Config) -> None:
    from simqueue.errors import UsageError

    if config.stash[state.TRACE] is None and any(_stops(config).values()):
        raise usage_error("--simqueue-break needs a trace: give --simqueue-replay FILE, too")
    try:
        breakpoints(config)
    except UsageError as error:
        raise usage_error(f"--simqueue-break: {error}") from None
