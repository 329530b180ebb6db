"""Places in code: the user's frame behind a call, an exception or a waiting task."""

from __future__ import annotations

import asyncio
import functools
import linecache
import os
import sys
import sysconfig
from collections.abc import Iterator
from types import CodeType, FrameType, TracebackType
from typing import Any

_OURS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep
_STDLIB = sysconfig.get_path("stdlib") + os.sep
_SITE = tuple({sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib")})
_SITE_FOLDERS = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_SCRIPTS = sysconfig.get_path("scripts") + os.sep
"""Where console scripts such as ``simqueue`` and ``pytest`` are."""
_TYPED = ("<stdin", "<console", "<doctest", "<ipython", "<python-input", "<cell")
"""File names of typed code; other names in angle brackets are those of generated code."""
SCHEDULER = os.path.join(_OURS, "sim", "kernel", "scheduler.py")
"""The file whose code calls each step of a run; frames outside it are not part of the run."""


@functools.lru_cache(maxsize=4096)
def is_users(filename: str) -> bool:
    """Return whether a file is neither simqueue's, Python's own nor an installed package's."""
    if filename.startswith("<"):
        return filename.startswith(_TYPED)
    return not (library_of(filename) or filename.startswith((_OURS, _STDLIB, _SCRIPTS)))


@functools.lru_cache(maxsize=4096)
def library_of(filename: str) -> str:
    """Return the installed package that a file belongs to; empty if it belongs to none."""
    prefixes = [prefix for prefix in _SITE if filename.startswith(prefix)]
    within = filename[len(prefixes[0]) :] if prefixes else ""
    for folder in _SITE_FOLDERS:
        within = within or filename.rpartition(folder)[2] * (folder in filename)
    return "" if filename.startswith(_OURS) else within.partition(os.sep)[0].removesuffix(".py")


@functools.lru_cache(maxsize=4096)
def standard_module_of(filename: str) -> str:
    """Return the module of Python's own that a file belongs to; empty if it belongs to none."""
    if library_of(filename) or not filename.startswith(_STDLIB):
        return ""
    return filename[len(_STDLIB) :].partition(os.sep)[0].removesuffix(".py")


def name_of(code: CodeType) -> str:
    """Return a function's qualified name, without the marks of nesting."""
    return code.co_qualname.replace(".<locals>", "")


def place(code: CodeType, line: int) -> str:
    """Return ``file.py:LINE in function``, without directories."""
    return f"{os.path.basename(code.co_filename)}:{line} in {name_of(code)}"


def users_place() -> str:
    """Return the user's innermost frame on the stack; empty if there is none in the run."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    while frame is not None and frame.f_code.co_filename != SCHEDULER:
        if is_users(frame.f_code.co_filename):
            return place(frame.f_code, frame.f_lineno)
        frame = frame.f_back
    return ""


def place_of(innermost: FrameType) -> str:
    """Return the innermost frame of a stack in the user's code, or else the outermost frame."""
    frame: FrameType | None = innermost
    last = frame
    while frame is not None:
        if is_users(frame.f_code.co_filename):
            return place(frame.f_code, frame.f_lineno)
        last, frame = frame, frame.f_back
    return "an unknown place" if last is None else place(last.f_code, last.f_lineno)


def frames_of(traceback: TracebackType | None) -> Iterator[tuple[CodeType, int]]:
    """Yield ``(code, line)`` from the outermost to the innermost frame."""
    while traceback is not None:
        yield traceback.tb_frame.f_code, traceback.tb_lineno
        traceback = traceback.tb_next


def culprit(error: BaseException) -> tuple[CodeType, int] | None:
    """Return the innermost frame of an exception in the user's code, or else the innermost."""
    frames = list(frames_of(error.__traceback__))
    users = [frame for frame in frames if is_users(frame[0].co_filename)]
    return (users or frames or [None])[-1]  # type: ignore[list-item]


def source_line(code: CodeType, line: int) -> str:
    """Return the stripped source text of a line, or an empty string."""
    return linecache.getline(code.co_filename, line).strip()


def waiting_place(task: asyncio.Task[Any]) -> str:
    """Describe where a suspended task waits: the user's innermost frame, and the awaited object."""
    frames = list(_await_chain(task.get_coro()))
    if not frames:
        return "has not started"
    code, line = _users_innermost(frames)
    inner_code, inner_line = frames[-1]
    at = f"waits at {place(code, line)}"
    return at if inner_code is code else f"{at}, for {place(inner_code, inner_line)}"


def waiting_function(task: asyncio.Task[Any]) -> str:
    """Return the name of the user's innermost function in which a suspended task waits."""
    frames = list(_await_chain(task.get_coro()))
    return name_of(_users_innermost(frames)[0]) if frames else task.get_name()


def _users_innermost(frames: list[tuple[CodeType, int]]) -> tuple[CodeType, int]:
    users = [frame for frame in frames if is_users(frame[0].co_filename)]
    return (users or frames)[-1]


def _await_chain(awaitable: Any) -> Iterator[tuple[CodeType, int]]:
    return ((frame.f_code, frame.f_lineno) for frame in waiting_frames(awaitable))


def waiting_frames(awaitable: Any) -> Iterator[FrameType]:
    """Yield the frames in which a coroutine is suspended, from the outermost to the innermost."""
    while awaitable is not None:
        for prefix in ("cr", "gi", "ag"):
            frame = getattr(awaitable, f"{prefix}_frame", None)
            if frame is not None:
                yield frame
                awaitable = getattr(awaitable, f"{prefix}_await", None) or getattr(
                    awaitable, f"{prefix}_yieldfrom", None
                )
                break
        else:
            return
