"""Patches: installs and restores everything that is replaced during a run."""

from __future__ import annotations

import _thread
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from simqueue.sim.applications import self_running
from simqueue.sim.patching.patch import installed
from simqueue.sim.patching.source import SIMULATING, Scope, World
from simqueue.sim.patching.streams import Streams
from simqueue.sim.sources import CONTROLS

__all__ = ["Randomness", "World", "patched"]


class Randomness:
    """The random draws of a run."""

    __slots__ = ("_streams",)

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    def state(self) -> bytes:
        """Return a summary that differs if anything else was drawn, from any source."""
        drawn = self._streams.state()
        numpy_random = sys.modules.get("numpy.random")
        if numpy_random is None:
            return drawn
        numpy_state = _summary(numpy_random.get_state())
        # Last, since making a RandomState draws from the operating system.
        fresh = _summary(numpy_random.RandomState(self._streams.numpy_seed()).get_state())
        # The run's state includes the values drawn from numpy, not whether it is loaded.
        return drawn if numpy_state == fresh else drawn + numpy_state

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Undo the draws of the ``with`` block afterwards, so that the run draws them again."""
        numpy_random = sys.modules.get("numpy.random")
        before = None if numpy_random is None else numpy_random.get_state()
        with self._streams.aside():
            try:
                yield
            finally:
                if numpy_random is not None:
                    numpy_random.set_state(before)
                elif "numpy.random" in sys.modules:  # loaded and seeded while this lasted
                    sys.modules["numpy.random"].seed(self._streams.numpy_seed())


def _summary(state: tuple[Any, ...]) -> bytes:
    _, words, position, *_ = state
    first: bytes = words.tobytes()[:16]
    return first + int(position).to_bytes(4, "little")


@contextmanager
def patched(world: World, seed: int) -> Iterator[Randomness]:
    """Control or refuse every source of entropy for the calling thread.

    Other threads keep the real clocks, randomness and sockets. State that exists once per process
    is pinned for all threads: the local time zone, automatic garbage collection, ``uuid``'s node.

    Raises:
        UsageError: a simulation runs already in this process, other code has replaced a built-in
            function, or the interpreter is not a CPython that simqueue knows.
    """
    thread = _thread.get_ident()
    streams = Streams(seed, world.pid, thread)
    scope = Scope(world, thread, streams)
    # The first patch is a redirect, which cannot be installed twice: it is also the lock.
    controls = [patch for control in CONTROLS for patch in control.patches(scope)]
    with installed([*controls, *self_running.patches(thread)]):
        SIMULATING[thread] = world
        try:
            yield Randomness(streams)
        finally:
            SIMULATING.pop(thread, None)
