"""Callbacks waiting to run: what ``call_soon`` and ``call_at`` return."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any


class Handle(asyncio.Handle):
    """A callback in a process's ready queue; ``sequence`` is its place in the world's order."""

    __slots__ = ("sequence",)

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: Context,
        sequence: int,
    ) -> None:
        # Not super().__init__: it asks the loop for its debug flag and costs half of this.
        self._callback = callback
        self._args = args
        self._context = context
        self._cancelled = False
        self.sequence = sequence

    def cancel(self) -> None:
        """Make the callback not run."""
        if not self._cancelled:
            self._cancelled = True
            self._callback = self._args = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Handle #{self.sequence}{' cancelled' if self._cancelled else ''}>"


class Timer(Handle):
    """A callback for a moment, ``due`` in microseconds of virtual time."""

    __slots__ = ("due",)

    def __init__(
        self,
        due: int,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: Context,
        sequence: int,
    ) -> None:
        super().__init__(callback, args, context, sequence)
        self.due = due

    def when(self) -> float:
        """Return the moment in the loop's seconds."""
        return self.due / 1_000_000

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Timer):
            return NotImplemented
        return (self.due, self.sequence) < (other.due, other.sequence)
