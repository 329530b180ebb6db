"""simqueue: finds, replays and explains the timing bugs of PgQueuer applications.

    cli | pytest_plugin        commands: read options, call one function, print one report
    hypothesis                 strategies that draw seeds and configs, beside those two
    search | web               many runs: campaigns, replays, shrinking, audits | a dashboard
    terminal                   the only way to a terminal: what is printed is escaped
    sim | inspect              one run | the tables at any moment of a trace
    adapter | check            PgQueuer's ports over the store | invariants over the store
    store | choices | report   tables from events | decisions | text from traces
    model                      frozen records: ids, rows, events, config, failures, traces
    errors

Each row imports only the rows below it. The public names are loaded on first use, since PgQueuer
takes half a second to import and most commands do not need it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simqueue.adapter.driver import InMemoryDriver
    from simqueue.adapter.in_memory import in_memory
    from simqueue.adapter.queries import InMemoryQueries
    from simqueue.errors import SimqueueError
    from simqueue.model.config import Config, Faults
    from simqueue.model.failure import Failure
    from simqueue.model.trace import Trace
    from simqueue.search.campaign.campaign import fuzz
    from simqueue.search.campaign.tally import Campaign
    from simqueue.search.replay.replayer import Replay, replay
    from simqueue.search.shrink.shrinker import shrink
    from simqueue.sim.run import Run, run
    from simqueue.sim.simulation import Simulation
    from simqueue.sim.text.failing import FailedRun
    from simqueue.sim.worker import Worker

    __version__: str

__all__ = [
    "Campaign",
    "Config",
    "FailedRun",
    "Failure",
    "Faults",
    "InMemoryDriver",
    "InMemoryQueries",
    "Replay",
    "Run",
    "SimqueueError",
    "Simulation",
    "Trace",
    "Worker",
    "__version__",
    "fuzz",
    "in_memory",
    "replay",
    "run",
    "shrink",
]

_HOMES = {
    "Campaign": "search.campaign.tally",
    "Config": "model.config",
    "FailedRun": "sim.text.failing",
    "Failure": "model.failure",
    "Faults": "model.config",
    "InMemoryDriver": "adapter.driver",
    "InMemoryQueries": "adapter.queries",
    "Replay": "search.replay.replayer",
    "Run": "sim.run",
    "SimqueueError": "errors",
    "Simulation": "sim.simulation",
    "Trace": "model.trace",
    "Worker": "sim.worker",
    "fuzz": "search.campaign.campaign",
    "in_memory": "adapter.in_memory",
    "replay": "search.replay.replayer",
    "run": "sim.run",
    "shrink": "search.shrink.shrinker",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    if name == "__version__":
        value: object = _version()
    elif name in _HOMES:
        value = getattr(import_module(f"simqueue.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module 'simqueue' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("simqueue")
    except PackageNotFoundError:
        return "0.0.0"
