"""Recursion: code can go equally deep whatever has called ``run``."""

from __future__ import annotations

import _thread
from collections.abc import Callable, Iterator
from typing import Any

from simqueue.sim.patching.imports import LOCKS, importing
from simqueue.sim.patching.patch import Patch, redirects
from simqueue.sim.patching.source import Control, Scope, Source

_get_ident = _thread.get_ident


def _limit(scope: Scope) -> Iterator[Patch]:
    depth, thread = scope.world.depth, scope.thread

    def getting(original: Callable[[], int]) -> Callable[[], int]:
        return lambda: depth.limit if _get_ident() == thread else original()

    def setting(original: Callable[[int], None]) -> Callable[[Any], None]:
        def change(limit: Any, /) -> None:
            if _get_ident() != thread:
                original(limit)
                return
            depth.change(int(limit), keep=bool(LOCKS) and importing(thread))

        return change

    yield from redirects({"sys.getrecursionlimit": getting, "sys.setrecursionlimit": setting})


CONTROLS = (
    Control(
        Source(
            "recursion-depth",
            "RecursionError: how many frames are left, sys.setrecursionlimit",
            "controlled",
            "counted from the simulated process, whatever called the run; what C code uses of its "
            "own stack from Python 3.12 on is not",
        ),
        _limit,
    ),
)
