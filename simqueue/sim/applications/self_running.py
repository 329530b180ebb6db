"""Self-running factories: they run their PgQueuer themselves, so that a worker cannot start it.

A worker runs what its factory returns. A ``main()`` that installs signal handlers and awaits
``pgq.run()`` never returns anything, so the first such call in a factory is refused.
"""

from __future__ import annotations

import _thread
import inspect
from collections.abc import Callable, Iterator
from functools import lru_cache, wraps
from typing import Any

from simqueue.sim.code.advice import running_factory, split
from simqueue.sim.code.refusing import refusal
from simqueue.sim.patching.patch import Attribute, Patch
from simqueue.sim.patching.source import SIMULATING


def patches(thread: int) -> Iterator[Patch]:
    """Refuse ``run()`` of a PgQueuer or a manager in a factory."""
    from simqueue.sim.applications.managers import MANAGERS

    for owner in MANAGERS:
        if inspect.isfunction(owner.run):  # not a replacement that a test has installed
            run = _refused_in_factory(thread, owner.__name__, owner.run)
            yield Attribute(owner, "run", run)


@lru_cache(maxsize=8)  # the same function in each run: facts about run() are cached by function
def _refused_in_factory(
    thread: int, owner: str, original: Callable[..., Any]
) -> Callable[..., Any]:
    @wraps(original)
    def run(*args: Any, **kwargs: Any) -> Any:
        acts = _thread.get_ident() == thread and thread in SIMULATING
        factory = running_factory() if acts else ""
        if factory:
            raise refusal(f"{owner}.run", split(factory))
        return original(*args, **kwargs)

    return run
