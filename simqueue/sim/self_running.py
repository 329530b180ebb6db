"""Self-running: a factory that runs its PgQueuer itself, which a worker cannot start.

A worker runs what its factory returns. A ``main()`` that installs signal handlers and awaits
``pgq.run()`` never returns anything, so the first such step in a factory is refused.
"""

from __future__ import annotations

import _thread
import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from simqueue.errors import RefusedError
from simqueue.sim.patch import Attribute, Patch
from simqueue.sim.places import place_of_caller
from simqueue.sim.process import HOME
from simqueue.sim.source import SIMULATING

_SIGNALS = ("loop.add_signal_handler", "loop.remove_signal_handler", "signal.signal")


def advice(what: str, instead: str) -> str:
    """Return what to do about a refused call, which depends on whether a factory makes it."""
    factory = _factory()
    return _split(factory) if factory and what in _SIGNALS else instead


def _factory() -> str:
    """Return the name of the factory that the running process is in, or an empty string."""
    home = HOME.get(None)
    return "" if home is None else home.making


def _split(factory: str) -> str:
    return (
        f"a factory returns its PgQueuer and does not run it: split {factory}() into a function "
        "that makes the PgQueuer and returns it, which is the one for sim.worker() and "
        "simqueue new, and one that installs signal handlers and runs it; worker.stop() does what "
        "SIGTERM does under `pgq run`"
    )


def patches(thread: int) -> Iterator[Patch]:
    """Refuse ``run()`` of a PgQueuer or of a manager alone in a factory."""
    from simqueue.sim.managers import MANAGERS

    for owner in MANAGERS:
        if inspect.isfunction(owner.run):  # and not what a test has put in its place
            run = _refused_in_factory(thread, owner.__name__, owner.run)
            yield Attribute(owner, "run", run)


def _refused_in_factory(
    thread: int, owner: str, original: Callable[..., Any]
) -> Callable[..., Any]:
    @wraps(original)
    def run(*args: Any, **kwargs: Any) -> Any:
        acts = _thread.get_ident() == thread and thread in SIMULATING
        factory = _factory() if acts else ""
        if factory:
            raise RefusedError(f"{owner}.run", place_of_caller(), _split(factory))
        return original(*args, **kwargs)

    return run
