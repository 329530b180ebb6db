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

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STDLIB = sysconfig.get_path("stdlib") + os.sep
_SITE = tuple({sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib")})


@functools.lru_cache(maxsize=4096)
def is_users(filename: str) -> bool:
    """Return whether a file is neither simqueue's, Python's own nor an installed package's."""
    return not filename.startswith(("<frozen", "<string>", _OURS, _STDLIB, *_SITE))


def name_of(code: CodeType) -> str:
    """Return a function's qualified name, without the marks of nesting."""
    return code.co_qualname.replace(".<locals>", "")


def place(code: CodeType, line: int) -> str:
    """Return ``file.py:LINE in function``, without directories."""
    return f"{os.path.basename(code.co_filename)}:{line} in {name_of(code)}"


def place_of_caller() -> str:
    """Return the innermost frame on the stack that is the user's."""
    return place_of(sys._getframe(1))  # noqa: SLF001


def place_of(innermost: FrameType) -> str:
    """Return the innermost frame of a stack that is the user's, or its outermost."""
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
    """Return the innermost user's frame an exception went through, or else the innermost."""
    frames = list(frames_of(error.__traceback__))
    users = [frame for frame in frames if is_users(frame[0].co_filename)]
    return (users or frames or [None])[-1]  # type: ignore[list-item]


def source_line(code: CodeType, line: int) -> str:
    """Return the stripped source text of a line, or an empty string."""
    return linecache.getline(code.co_filename, line).strip()


def waiting_place(task: asyncio.Task[Any]) -> str:
    """Say where a suspended task waits: the user's innermost frame, and what it awaits there."""
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
