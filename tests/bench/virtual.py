"""A bare virtual-clock loop: asyncio's own, which jumps to the next timer instead of waiting.

It chooses nothing and records nothing; it is what a simulation costs at the very least.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any

import time_machine

START_US = 1_704_067_200_000_000  # 2024-01-01, a whole minute


class _NoWaiting(selectors.SelectSelector):
    """A selector that moves a clock on by the time it was to wait."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        """Move the clock."""
        if timeout is None:
            raise RuntimeError("nothing can ever run again")
        self._loop.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio's loop on a clock of its own."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_NoWaiting(self))

    def time(self) -> float:
        """Return virtual seconds."""
        return self.now


def play(scenario: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine on such a loop, the wall clock showing the loop's time."""
    loop = VirtualLoop()
    with time_machine.travel(START_US / 1e6, tick=False) as traveller:
        traveller.time_ns = lambda: START_US * 1_000 + round(loop.now * 1e9)  # type: ignore[method-assign]
        try:
            loop.run_until_complete(scenario)
        finally:
            loop.close()
