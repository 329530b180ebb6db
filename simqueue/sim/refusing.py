"""Refusing: a call raises ``RefusedError`` in the thread of the run, and works in every other."""

from __future__ import annotations

import _thread
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from simqueue.errors import RefusedError
from simqueue.sim.patch import Replace
from simqueue.sim.places import is_users, place_of_caller
from simqueue.sim.source import SIMULATING

_DEBUGGERS = frozenset(("bdb", "cmd", "code", "pdb"))
_get_ident = _thread.get_ident


def refusing(thread: int, what: str, instead: str) -> Replace:
    """Return what replaces a function by a refusal that names ``what`` and says what to do."""

    def replace(original: Callable[..., Any]) -> Callable[..., Any]:
        def refuse(*args: Any, **kwargs: Any) -> Any:
            if _get_ident() != thread or thread not in SIMULATING or debugging():
                return original(*args, **kwargs)
            raise RefusedError(what, place_of_caller(), instead)

        return refuse

    return replace


def debugging() -> bool:
    """Return whether a debugger asks, not the code it is attached to."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    while frame is not None and not is_users(frame.f_code.co_filename):
        if frame.f_globals.get("__name__") in _DEBUGGERS:
            return True
        frame = frame.f_back
    return False
