"""Refusing: a call raises ``RefusedError`` in the thread of the run, and works in others."""

from __future__ import annotations

import _thread
from collections.abc import Callable
from typing import Any

from simqueue.errors import RefusedError
from simqueue.report.effects import listed
from simqueue.sim.code.advice import PROCESSES, fitting
from simqueue.sim.code.debuggers import debugging
from simqueue.sim.code.origins import origin_of_call
from simqueue.sim.patching.imports import LOCKS, importing
from simqueue.sim.patching.patch import Replace
from simqueue.sim.patching.source import SIMULATING

_get_ident = _thread.get_ident


def refusal(what: str, instead: str, place: str = "") -> RefusedError:
    """Return the refusal of the call that runs now, and end the run with it.

    It names the call of the user's code, and the libraries through which that led to ``what``; or
    ``what`` alone, at ``place``, if that is not where the call runs. The run ends even if the
    application catches the error: from here on it does something that it would not do on a real
    system, so that the rest of the run proves nothing.
    """
    error = RefusedError(what, place, instead) if place else _refused(what, instead)
    world = SIMULATING.get(_get_ident())
    if world is not None and not debugging():
        world.refused(error)
    return error


def _refused(what: str, instead: str) -> RefusedError:
    origin = origin_of_call()
    advice = fitting(what, instead, origin)
    libraries = origin.libraries or origin.standard
    if not libraries or libraries == (what.partition(".")[0],):
        return RefusedError(what, origin.where, advice)
    if not origin.called:
        return RefusedError(what, origin.where, advice, listed(libraries))
    return RefusedError(origin.called, origin.where, advice, _passage(what, libraries))


def _passage(what: str, libraries: tuple[str, ...]) -> str:
    """Return ``sqlalchemy and asyncpg: Connection.prepare``."""
    library, colon, method = what.partition(": ")
    if not colon:
        return f"{listed(libraries)}: {what}"
    return f"{listed([*dict.fromkeys((*libraries, library))])}: {method}"


def refusing(thread: int, what: str, instead: str) -> Replace:
    """Return a decorator that makes a function refuse; the error names ``what`` and the advice."""

    def replace(original: Callable[..., Any]) -> Callable[..., Any]:
        def refuse(*args: Any, **kwargs: Any) -> Any:
            if _get_ident() != thread or thread not in SIMULATING or debugging():
                return original(*args, **kwargs)
            if instead == PROCESSES and LOCKS and importing(thread):
                return original(*args, **kwargs)  # as ctypes does to find a library
            raise refusal(what, instead)

        return refuse

    return replace
