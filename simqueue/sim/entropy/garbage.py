"""Garbage: finalizers of reference cycles run only where the run collects garbage."""

from __future__ import annotations

import _thread
import gc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from simqueue.sim.patching.patch import Patch, installed, redirects
from simqueue.sim.patching.source import Control, Scope, Source

_FROZEN_BY_PYTHON = 1_000  # a bound: Python 3.12 freezes 400 immortal objects, a program many more


class Disabled:
    """No automatic collection."""

    __slots__ = ("_was_enabled",)

    def __init__(self) -> None:
        self._was_enabled = False

    def install(self) -> None:
        """Switch automatic collection off."""
        self._was_enabled = gc.isenabled()
        gc.disable()

    def restore(self) -> None:
        """Switch it on again if it was on."""
        if self._was_enabled:
            gc.enable()


class Frozen:
    """Freezes the existing heap, so that collections during a run scan only new objects.

    A heap that the program froze before stays frozen, since its objects cannot be distinguished
    from ours. The few immortal ones that Python 3.12 freezes in each collection are thawed with the
    rest.
    """

    __slots__ = ("_frozen",)

    def __init__(self) -> None:
        self._frozen = False

    def install(self) -> None:
        """Freeze the heap."""
        self._frozen = gc.get_freeze_count() < _FROZEN_BY_PYTHON
        gc.freeze()

    def restore(self) -> None:
        """Thaw it."""
        if self._frozen:
            gc.unfreeze()
            self._frozen = False


class Callbacks:
    """No callbacks of collections: they would read clocks and draw numbers in the run.

    Hypothesis measures every collection with one, once it has tested a property.
    """

    __slots__ = ("_before",)

    def __init__(self) -> None:
        self._before: list[Any] | None = None

    def install(self) -> None:
        """Remove the callbacks of ``gc.callbacks``."""
        self._before = gc.callbacks[:]
        gc.callbacks.clear()

    def restore(self) -> None:
        """Put them back; remove those that the run has added."""
        if self._before is not None:
            gc.callbacks[:] = self._before
            self._before = None


@contextmanager
def quiet_heap() -> Iterator[None]:
    """Collect garbage only on request, and at the end.

    The heap is frozen first, so that collections scan only objects of the run. The last collection
    keeps garbage from piling up over a thousand runs.
    """
    with installed((Disabled(), Callbacks(), Frozen())):
        try:
            yield
        finally:
            with unawaited():
                gc.collect()


@contextmanager
def unawaited() -> Iterator[None]:
    """While this lasts, do not warn of coroutines that end without having been awaited."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def _switches(scope: Scope) -> Iterator[Patch]:
    thread = scope.thread

    def ignoring(original: Callable[[], Any]) -> Callable[[], Any]:
        def ignore() -> Any:
            return original() if _thread.get_ident() != thread else None

        return ignore

    yield from redirects(dict.fromkeys(("gc.enable", "gc.freeze", "gc.unfreeze"), ignoring))


CONTROLS = (
    Control(
        Source(
            "garbage-collection",
            "garbage collection: when finalizers and weakref callbacks of cycles run",
            "controlled",
            "at fixed steps and at gc.collect(), unseen by gc.callbacks; gc.enable, freeze and "
            "unfreeze do nothing",
        ),
        _switches,
    ),
)
