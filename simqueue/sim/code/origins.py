"""Origins: the user's line that led to a call, and the libraries in between."""

from __future__ import annotations

import ast
import asyncio
import inspect
import itertools
import linecache
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

from simqueue.sim.code.places import (
    SCHEDULER,
    is_users,
    library_of,
    place,
    place_of,
    standard_module_of,
    waiting_frames,
)
from simqueue.sim.kernel.causes import CAUSE
from simqueue.sim.kernel.process import HOME, Process
from simqueue.sim.kernel.tasks import every_task

_THREADS = "simqueue.sim.loop.executors"
"""The module whose code runs functions in simulated threads; ``future`` is their result."""
_HANDLER = "simqueue.sim.applications.observers", "_observed"
"""The function that runs a handler; its ``started`` is the event of the handler's start."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a call comes from.

    ``called`` is the call in the user's line, such as ``session.get()``, or empty; ``libraries``
    are the installed packages between that line and the call, the outermost first, and ``standard``
    the modules of Python itself there.
    """

    where: str
    called: str = ""
    libraries: tuple[str, ...] = ()
    standard: tuple[str, ...] = ()


def origin_of_call() -> Origin:
    """Return the origin of the call that runs now.

    The user's line is the innermost line of their code on the stack; else of the handler that
    started the running code; else of the main task of the process; else the function that the
    process runs.
    """
    own = list(_own_stack())
    for stack in _candidates(own):
        for depth, frame in enumerate(stack.frames):
            if is_users(frame.f_code.co_filename):
                return _origin(stack, depth)
    return Origin(_entry() or place_of(sys._getframe(1)), "", *_named(own))  # noqa: SLF001


def in_handler() -> bool:
    """Return whether a handler started the running code."""
    return CAUSE.get() is not None


@dataclass(frozen=True, slots=True)
class _Stack:
    """Frames that may contain the user's line, the innermost first.

    ``inside`` are the frames of the code that it called or started. ``waits``: it waits for them.
    """

    frames: list[FrameType]
    inside: list[FrameType]
    waits: bool = True


def _candidates(own: list[FrameType]) -> Iterator[_Stack]:
    """Yield the stacks to look at, in their order."""
    yield _Stack(own, [])
    inside = own
    for frames in _greenlets():
        yield _Stack(frames, inside)
        inside = [*inside, *frames]
    running = _running(own)
    for task in _responsible_tasks():
        waits = running is not None and getattr(task, "_fut_waiter", None) is running
        yield _Stack(list(waiting_frames(task.get_coro()))[::-1], inside, waits)


def _running(own: list[FrameType]) -> object:
    """Return the task that runs now, or the future of a function that runs in a thread."""
    for frame in own:
        if frame.f_globals.get("__name__") == _THREADS:
            return frame.f_locals.get("future")
    loop = asyncio._get_running_loop()  # noqa: SLF001  does not raise if there is none
    return None if loop is None else asyncio.current_task(loop)


def _own_stack() -> Iterator[FrameType]:
    """Yield the frames of the running step, without those of the simulation below it."""
    return _outward(sys._getframe(1))  # noqa: SLF001


def _outward(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None and frame.f_code.co_filename != SCHEDULER:
        yield frame
        frame = frame.f_back


def _greenlets() -> Iterator[list[FrameType]]:
    """Yield the stacks of the greenlets that wait for the running one, as in SQLAlchemy."""
    module: Any = sys.modules.get("greenlet")
    current = None if module is None else module.getcurrent().parent
    while current is not None:
        yield list(_outward(current.gr_frame))
        current = current.parent


def _responsible_tasks() -> Iterator[asyncio.Task[Any]]:
    """Yield the task of the handler that started the running code, and that of the process."""
    process, cause = _process(), CAUSE.get()
    if process is None or process.main is None:
        return
    if cause is not None:
        for task in sorted(every_task(process.main.get_loop()), key=hash):
            if any(_runs_handler(frame, cause) for frame in waiting_frames(task.get_coro())):
                yield task
    yield process.main


def _runs_handler(frame: FrameType, cause: int) -> bool:
    named = frame.f_globals.get("__name__"), frame.f_code.co_name
    return named == _HANDLER and frame.f_locals.get("started") == cause


def _process() -> Process | None:
    process = HOME.get(None)
    return None if process is None else process.owner or process


def _entry() -> str:
    """Return the place of the function that the process runs, or ``""``."""
    process = _process()
    function: Any = None if process is None else inspect.unwrap(process.entry)
    code = getattr(function, "__code__", None)
    return "" if code is None else place(code, code.co_firstlineno)


def _origin(stack: _Stack, depth: int) -> Origin:
    """Return the origin for the user's frame at ``depth`` of a stack."""
    frame, below = stack.frames[depth], stack.frames[:depth]
    where = place(frame.f_code, frame.f_lineno)
    libraries, standard = _named([*stack.inside, *below])
    # Code that waits for something else has not made this call.
    led = stack.waits or not set(_named(below)[0]).isdisjoint(_named(stack.inside)[0])
    return Origin(where, _called(frame) if led else "", libraries, standard)


def _named(frames: Iterable[FrameType]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the packages that frames belong to, and the modules of Python itself among them."""
    files = [frame.f_code.co_filename for frame in frames][::-1]
    libraries = dict.fromkeys(filter(None, map(library_of, files)))
    standard = dict.fromkeys(filter(None, map(standard_module_of, files)))
    return tuple(libraries), tuple(standard)


# --- the call in a line ---

_BODY = "async def f():\n "


def _called(frame: FrameType) -> str:
    """Return the call that a frame makes now, without the arguments; empty if that is unknown."""
    segment = _segment(frame)
    # On entering a block, the position may be that of the whole statement.
    for source in (f"({segment})", f"{_BODY}{segment}", f"{_BODY}{segment} pass"):
        try:
            return _call_of(ast.parse(source).body[0])
        except (SyntaxError, ValueError):
            continue
    return ""


def _call_of(statement: ast.stmt) -> str:
    """Return the name of the call that a statement makes first, or ``""``."""
    match statement:
        case ast.AsyncFunctionDef(body=[inner]):
            return _call_of(inner)
        case ast.With(items=[item]) | ast.AsyncWith(items=[item]):
            expression = item.context_expr
        case ast.Expr(expression):
            pass
        case _:  # partial on purpose: no other statement begins with a call
            return ""
    call = expression.value if isinstance(expression, ast.Await) else expression
    return _name(call) if isinstance(call, ast.Call) else ""


def _segment(frame: FrameType) -> str:
    """Return the source text of the expression that a frame is at."""
    instruction = frame.f_lasti // 2
    positions = itertools.islice(frame.f_code.co_positions(), instruction, None)
    first, last, begin, end = next(positions, (None, None, None, None))
    if first is None or last is None or begin is None or end is None:
        return ""
    name = frame.f_code.co_filename
    lines = [linecache.getline(name, number).encode() for number in range(first, last + 1)]
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][begin:]
    return b"".join(lines).decode(errors="replace")


def _name(expression: ast.expr) -> str:
    match expression:
        case ast.Name(name):
            return name
        case ast.Attribute(value, name):
            return f"{_name(value)}.{name}"
        case ast.Call(function):
            return f"{_name(function)}()"
        case ast.Subscript(value):
            return f"{_name(value)}[...]"
        case ast.Await(value):
            return _name(value)
        case _:  # partial on purpose: other expressions have no name
            return "..."
