"""Turns: the waiting line of a connection, which carries one statement at a time."""

from __future__ import annotations

import asyncio
from collections import deque

from simqueue.sim.kernel.process import Process

Turn = tuple[asyncio.Future[None], Process]
"""The future of a waiting task, and its process."""


class Turns:
    """Whether a connection is ``taken``, and which tasks wait for it, in the order they came."""

    __slots__ = ("_granted", "_waiting", "taken")

    def __init__(self) -> None:
        self.taken = False
        self._waiting: deque[Turn] = deque()
        self._granted: Turn | None = None

    async def wait(self, loop: asyncio.AbstractEventLoop, process: Process) -> None:
        """Wait for the connection, behind the tasks that came before."""
        turn = loop.create_future()
        self._waiting.append((turn, process))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.pass_on()
            raise
        self._granted = None

    def pass_on(self) -> None:
        """Give the connection to the task that has waited longest, before any other can take it."""
        while self._waiting:
            turn, process = self._granted = self._waiting.popleft()
            if not turn.done() and process.alive:
                turn.set_result(None)
                return
        self.taken, self._granted = False, None

    def left_by(self, process: Process) -> None:
        """Give the turn of a process that has ended to the next in line."""
        if self._granted is not None and self._granted[1] is process:
            self.pass_on()
