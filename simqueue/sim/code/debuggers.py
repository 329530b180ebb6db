"""Debuggers: their calls are made for a person and are no part of the run."""

from __future__ import annotations

import _thread
import bdb
import pdb  # noqa: T100  only to recognize it
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import Any

from simqueue.sim.code.places import is_users
from simqueue.sim.patching.builtin import DEBUGGER_S_WRAPPERS
from simqueue.sim.patching.patch import Attribute, Patch, installed

_DEBUGGERS = frozenset(
    (
        "bdb", "cmd", "code", "pdb",
        "debugpy", "pydevd", "_pydev_bundle", "_pydevd_bundle", "_pydevd_frame_eval",
        "_pydevd_sys_monitoring", "pydevd_file_utils", "pydevd_plugins", "pydevd_tracing",
    )
)  # fmt: skip
"""Modules and packages of Python's own debugger and of those of VS Code and PyCharm."""
_get_ident = _thread.get_ident


def _is_wrapper(frame: FrameType) -> bool:
    """Return whether a frame only passes on a call of its caller."""
    return frame.f_globals.get("__name__") == DEBUGGER_S_WRAPPERS


def _is_debuggers(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__"))
    return module.partition(".")[0] in _DEBUGGERS and not _is_wrapper(frame)


def debugging(innermost: FrameType | None = None) -> bool:
    """Return whether a debugger makes this call, not the code that it is attached to."""
    frame: FrameType | None = innermost or sys._getframe(1)  # noqa: SLF001
    while frame is not None:
        if _is_debuggers(frame):
            return True
        if is_users(frame.f_code.co_filename) and not _is_wrapper(frame):  # PyCharm's is anywhere
            return False
        frame = frame.f_back
    return False


def debugging_itself() -> bool:
    """Return whether a debugger makes this call by itself, not for a typed command."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    while frame is not None and not _is_typed(frame.f_code.co_filename):
        if _is_debuggers(frame):
            return True
        frame = frame.f_back
    return False


def _is_typed(filename: str) -> bool:
    return filename.startswith("<") and not filename.startswith("<frozen")


def debugged(innermost: FrameType | None) -> bool:
    """Return whether a stack contains a debugger, also one that runs code for its user."""
    frame = innermost
    while frame is not None:
        if _is_debuggers(frame):
            return True
        frame = frame.f_back
    return False


@contextmanager
def quitting(on_quit: Callable[[], None]) -> Iterator[None]:
    """Call ``on_quit`` when a debugger in this thread quits, or has no more input.

    The debugger then raises an error where it stands, which PgQueuer would count as a failure of
    the job.
    """
    thread, original = _get_ident(), bdb.Bdb.set_quit

    def set_quit(self: bdb.Bdb) -> None:
        if _get_ident() == thread:
            on_quit()
        original(self)

    with installed([Attribute(bdb.Bdb, "set_quit", set_quit)]):
        yield


@contextmanager
def prompting(aside: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    """Hold ``aside()`` while a debugger in this thread waits for input."""
    places: list[tuple[type, str]] = [(pdb.Pdb, "interaction")]
    # That of VS Code and PyCharm is loaded before the run, if at all: it starts threads.
    foreign = getattr(sys.modules.get("pydevd"), "PyDB", None)
    if foreign is not None:
        places.append((foreign, "do_wait_suspend"))
    with installed(_held(owner, name, aside) for owner, name in places):
        yield


def _held(owner: type, name: str, aside: Callable[[], AbstractContextManager[None]]) -> Patch:
    thread, original = _get_ident(), getattr(owner, name)

    def held(*args: Any, **kwargs: Any) -> Any:
        if _get_ident() != thread:
            return original(*args, **kwargs)
        with aside():
            return original(*args, **kwargs)

    return Attribute(owner, name, held)
