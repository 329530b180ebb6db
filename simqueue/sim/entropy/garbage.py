"""Garbage: finalizers of reference cycles run where the run collects, and nowhere else."""

from __future__ import annotations

import _thread
import gc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from simqueue.sim.patching.patch import Patch, installed, redirects
from simqueue.sim.patching.source import Control, Scope, Source

_FROZEN_BY_PYTHON = 1_000  # a bound: 3.12 freezes 400 immortal objects, a program many more


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
        """Switch it on again if it was."""
        if self._was_enabled:
            gc.enable()


class Frozen:
    """What exists already is no concern of a collection, which makes each of them cheap.

    A heap that somebody froze before stays frozen: nothing tells its objects from ours. The few
    immortal ones that Python 3.12 freezes in each collection are thawed with the rest.
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
    """Nobody is told of collections: one who was would read clocks and draw numbers in the run.

    Hypothesis times every collection so, as soon as a property has been tested.
    """

    __slots__ = ("_before",)

    def __init__(self) -> None:
        self._before: list[Any] | None = None

    def install(self) -> None:
        """Take the callbacks of ``gc.callbacks`` away."""
        self._before = gc.callbacks[:]
        gc.callbacks.clear()

    def restore(self) -> None:
        """Put them back, and nothing that the run has added."""
        if self._before is not None:
            gc.callbacks[:] = self._before
            self._before = None


@contextmanager
def quiet_heap() -> Iterator[None]:
    """Collect garbage only where it is asked for, and at the end what was made meanwhile.

    The heap is frozen as it is, so that collections look at nothing older, and it is not left with
    garbage that only a collection of everything would find: a thousand runs would pile it up.
    """
    with installed((Disabled(), Callbacks(), Frozen())):
        try:
            yield
        finally:
            with unawaited():
                gc.collect()


@contextmanager
def unawaited() -> Iterator[None]:
    """Say nothing of coroutines that end meanwhile and that nobody has come to await."""
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
