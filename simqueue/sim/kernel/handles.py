"""Callbacks waiting to run: what ``call_soon`` and ``call_at`` return."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any

import msgspec


class Handle(msgspec.Struct, eq=False):
    """A callback in a process's ready queue; ``sequence`` is its place in the world's order.

    It has the methods of ``asyncio.Handle`` but is none, as with uvloop: every step needs one, and
    a Struct is made in half the time. Fields that asyncio's own loops read have the same names.
    """

    _callback: Callable[..., object]
    _args: tuple[Any, ...]
    _context: Context
    sequence: int
    _cancelled: bool = False

    def cancel(self) -> None:
        """Keep the callback from running."""
        if not self._cancelled:
            self._cancelled = True
            self._callback, self._args = _nothing, ()

    def cancelled(self) -> bool:
        """Return whether the callback will not run."""
        return self._cancelled

    def get_context(self) -> Context:
        """Return the context that the callback runs in."""
        return self._context

    @property
    def task(self) -> str:
        """Name of the task that the callback is a step of, or that it wakes; empty if of none."""
        task = getattr(self._callback, "__self__", None)
        if isinstance(task, asyncio.Task):
            return task.get_name()
        for owner in (task, *self._args[:1]):
            for callback, _ in getattr(owner, "_callbacks", None) or ():
                woken = getattr(callback, "__self__", None)
                if isinstance(woken, asyncio.Task):
                    return woken.get_name()
        return ""

    def __repr__(self) -> str:
        return f"<Handle #{self.sequence}{' cancelled' if self._cancelled else ''}>"


class Timer(Handle, eq=False):
    """A callback that is due at a moment: ``due`` is microseconds of virtual time."""

    due: int = 0

    def when(self) -> float:
        """Return when it is due, in seconds as ``loop.time()`` counts them."""
        return self.due / 1_000_000

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Timer):
            return NotImplemented
        return (self.due, self.sequence) < (other.due, other.sequence)


def _nothing() -> None:
    """Do nothing, in place of a callback that was cancelled."""
