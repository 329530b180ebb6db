"""Patches: everything that stands in for the machine while a run lasts, put in and taken out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import _thread

from simqueue.sim.entropy import CONTROLS
from simqueue.sim.garbage import Frozen
from simqueue.sim.patch import Patch
from simqueue.sim.randomness import Streams
from simqueue.sim.source import Scope, World

__all__ = ["Randomness", "World", "patched"]


class Randomness:
    """What was drawn in a run."""

    __slots__ = ("_streams",)

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    def state(self) -> bytes:
        """Return a summary that differs when anything else was drawn, from whatever source."""
        numpy_random = sys.modules.get("numpy.random")
        if numpy_random is None:
            return self._streams.state()
        _, words, position, *_ = numpy_random.get_state()
        return self._streams.state() + words.tobytes()[:16] + position.to_bytes(4, "little")


@contextmanager
def patched(world: World, seed: int) -> Iterator[Randomness]:
    """Control or refuse every source of entropy for the calling thread.

    Other threads keep the real clocks, randomness and sockets. What a process has but one of is
    pinned for all of them: the local time zone, whether garbage is collected, ``uuid``'s node.

    Raises:
        UsageError: a simulation runs already in this process, a built-in function has been
            replaced by somebody, or this is not CPython as it is known.
    """
    thread = _thread.get_ident()
    streams = Streams(seed, world.pid, thread)
    scope = Scope(world, thread, streams)
    # The first of them is a redirect, which refuses to be done twice: it also is the lock.
    patches: list[Patch] = [patch for control in CONTROLS for patch in control.patches(scope)]
    # Before gc.freeze is among what is redirected.
    patches.insert(0, Frozen())
    begun: list[Patch] = []
    try:
        for patch in patches:
            begun.append(patch)
            patch.install()
        yield Randomness(streams)
    finally:
        try:
            _restore(begun)
        finally:
            # An interrupt may have cut the first attempt short.
            _restore(begun)


def _restore(begun: list[Patch]) -> None:
    """Restore the last first; what is restored is forgotten."""
    while begun:
        begun[-1].restore()
        begun.pop()
