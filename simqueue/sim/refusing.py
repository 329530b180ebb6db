"""Refusing: a call raises ``RefusedError`` in the thread of the run, and works in every other."""

from __future__ import annotations

import _thread
from collections.abc import Callable
from typing import Any

from simqueue.errors import RefusedError
from simqueue.sim.debuggers import debugging
from simqueue.sim.patch import Replace
from simqueue.sim.places import place_of_caller
from simqueue.sim.self_running import advice
from simqueue.sim.source import SIMULATING

_get_ident = _thread.get_ident


def refusing(thread: int, what: str, instead: str) -> Replace:
    """Return what replaces a function by a refusal that names ``what`` and says what to do."""

    def replace(original: Callable[..., Any]) -> Callable[..., Any]:
        def refuse(*args: Any, **kwargs: Any) -> Any:
            if _get_ident() != thread or thread not in SIMULATING or debugging():
                return original(*args, **kwargs)
            raise RefusedError(what, place_of_caller(), advice(what, instead))

        return refuse

    return replace
