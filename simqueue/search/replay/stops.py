"""Opens a debugger at events of a replay, in a frame whose variables show the simulation."""

from __future__ import annotations

import asyncio
import os
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import msgspec

from simqueue.errors import UsageError
from simqueue.inspect.moments import moment_after
from simqueue.model.events import AnyEvent, Entry
from simqueue.model.findings import Difference
from simqueue.model.trace import Trace
from simqueue.report.lines import concerns, render_line, render_lines
from simqueue.report.managers import Managers
from simqueue.report.printable import printable
from simqueue.report.tables import render_table
from simqueue.sim.code.places import is_users, place, source_line, waiting_frames
from simqueue.sim.simulation import Simulation
from simqueue.terminal import say

StopAt = Callable[[int, Entry], bool]
"""Called with the number and the entry of each event in order; returns whether to stop there."""

_HOOK = "pdb.set_trace"
_STORY = 25
_AT_HAND = "sim, entry, event, tables, task, frames, job(7), story(), stack(), next_event()"
_OUTSIDE = ("simqueue.sim.kernel.scheduler",)
"""Modules that call the steps of a simulated process: frames outside theirs are not part of it."""


class Stops:
    """Opens a debugger at each event for which ``stop_at`` returns true.

    Raises:
        UsageError: debuggers are disabled.
    """

    def __init__(self, trace: Trace, stop_at: StopAt) -> None:
        if os.environ.get("PYTHONBREAKPOINT") == "0":
            raise UsageError("PYTHONBREAKPOINT=0 disables debuggers: unset it to stop at events")
        self._trace, self._stop_at = trace, stop_at
        self._entries: list[Entry] = []
        self._tasks: dict[int, weakref.ref[asyncio.Task[Any]]] = {}
        self._sim: Simulation | None = None
        self._next = False

    def begin(self, sim: Simulation) -> None:
        """Keep the simulation, to show it at stops."""
        self._sim = sim

    def see(self, number: int, entry: Entry, parted: Difference | None) -> None:
        """Stop at an event if requested; ``parted`` is where the replay drifted from its trace."""
        self._entries.append(entry)
        task = asyncio.current_task()
        if task is not None:  # weakly: a reference would change when the task is freed
            self._tasks[number] = weakref.ref(task)
        wanted = self._stop_at(number, entry)
        if wanted or self._next:
            self._next = False
            self._stop(number, entry, parted)

    def _stop(self, number: int, entry: Entry, parted: Difference | None) -> None:
        made = list(_frames_of_step(sys._getframe()))  # noqa: SLF001
        task = self._task(number)
        frames = [frame for _, frame in reversed(made)]
        if not frames and task is not None:
            waiting = waiting_frames(task.get_coro())
            frames = [frame for frame in waiting if not _is_ours(frame)]
        # A copy: changing it in the debugger does not change the run.
        tables = Standing.after(self._trace, self._entries)
        header = printable("\n".join(self._header(number, entry, made, task, parted)))
        _prompt(
            header=header,
            stops=self,
            sim=self._sim,
            number=number,
            entry=entry,
            tables=tables,
            task=task,
            frames=frames,
        )

    def _task(self, number: int) -> asyncio.Task[Any] | None:
        """Return the task that caused an event: it runs now, or sent the statement behind it."""
        at: int | None = number
        while at is not None:
            task = self._tasks.get(at)
            if task is not None:
                return task()
            at = self._entries[at].cause
        return None

    def _header(
        self,
        number: int,
        entry: Entry,
        made: list[tuple[int, FrameType]],
        task: asyncio.Task[Any] | None,
        parted: Difference | None,
    ) -> Iterator[str]:
        last = len(self._trace.events) - 1
        yield f"Stopped at event {number} of 0 to {last}; c continues. Available: {_AT_HAND}"
        yield render_line(number, entry)
        yield from _drift(number, parted)
        if made:
            ups, frame = _users_frame(made)
            yield f"up {ups} is {place(frame.f_code, frame.f_lineno)}, whose step caused it"
        elif task is not None:
            yield f"task {task.get_name()} caused it, and is waiting: see stack()"

    # --- functions that are available at a stop ---

    def job(self, job_id: int) -> Text:
        """Return all events of a job so far."""
        lines = [
            render_line(number, entry)
            for number, entry in enumerate(self._entries)
            if concerns(entry.event, job=job_id)
        ]
        text = "\n".join(lines) or f"Nothing has happened to job {job_id} so far."
        return Text(Managers(self._entries).plain(text))

    def story(self, last: int = _STORY) -> Text:
        """Return the last events so far as lines, with the routine folded."""
        lines = render_lines(enumerate(self._entries), last=last)
        return Text(Managers(self._entries).plain("\n".join(lines)))

    def next_event(self) -> None:
        """Stop at the next event, too."""
        self._next = True


def _prompt(
    *,
    header: str,
    stops: Stops,
    sim: Simulation | None,
    number: int,
    entry: Entry,
    tables: Standing,
    task: asyncio.Task[Any] | None,
    frames: list[FrameType],
) -> AnyEvent:
    """Open the debugger in this frame; it shows the frame's variables."""
    event = entry.event
    job, story, next_event = stops.job, stops.story, stops.next_event  # noqa: F841  for the user

    def stack() -> Text:
        """Return the places and lines of ``frames``."""
        return Text("\n".join(_places(frames)) or "No code of the run caused it.")

    with _quitting():
        sys.breakpointhook(**_printed(header))  # noqa: T100
        return event  # You are at this event: `c` continues, `up` goes to the code that caused it.


@contextmanager
def _quitting() -> Iterator[None]:
    """Treat ``exit()`` in an interpreter that the debugger opened as quitting the debugger."""
    try:
        yield
    except SystemExit:
        raise KeyboardInterrupt("exit() was called in a debugger") from None


def _printed(header: str) -> dict[str, str]:
    """Print a text, or return the options that make the debugger print it."""
    hook: Any = sys.breakpointhook
    is_default = hook is sys.__breakpointhook__
    is_pdb = is_default and (os.environ.get("PYTHONBREAKPOINT") or _HOOK) == _HOOK
    if is_pdb or getattr(hook, "__module__", "") == "_pytest.debugging":
        return {"header": header}
    say(header)
    return {}


def _drift(number: int, parted: Difference | None) -> Iterator[str]:
    if parted is None:
        return
    has = f"the trace has {parted.one}, this run has {parted.other}"
    if parted.number == number:
        yield f"It is not the recorded event: {has}"
    else:
        yield f"The replay has drifted since event {parted.number}: {has}"


# --- frames ---------------------------------------------------------------------------------------


def _frames_of_step(innermost: FrameType) -> Iterator[tuple[int, FrameType]]:
    """Yield the frames of the current step, innermost first, and how many ``up`` each is.

    Frames of simqueue itself are left out.
    """
    frame: FrameType | None = innermost
    ups = 1  # from the frame of the prompt to its caller
    while frame is not None:
        if frame.f_globals.get("__name__") in _OUTSIDE:
            return
        if not _is_ours(frame):
            yield ups, frame
        frame, ups = frame.f_back, ups + 1


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] == "simqueue"


def _users_frame(made: list[tuple[int, FrameType]]) -> tuple[int, FrameType]:
    """Return the innermost frame of the user's own code; without one, the innermost of all."""
    users = [each for each in made if is_users(each[1].f_code.co_filename)]
    return (users or made)[0]


def _places(frames: Sequence[FrameType]) -> Iterator[str]:
    for index, frame in enumerate(frames):
        where = place(frame.f_code, frame.f_lineno)
        line = source_line(frame.f_code, frame.f_lineno)
        yield f"frames[{index}]  {where}: {line}"


# --- text and tables ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, repr=False)
class Text:
    """Text that a prompt shows in full: editors shorten values of type ``str``."""

    text: str

    def __repr__(self) -> str:
        return printable(self.text)


class Rows(dict[Any, msgspec.Struct]):
    """The rows of a table by their keys, printed as by ``simqueue show --at``."""

    def __init__(self, name: str, rows: dict[Any, msgspec.Struct]) -> None:
        super().__init__(rows)
        self._name = name

    def __repr__(self) -> str:
        return printable(render_table(self._name, list(self.values())))


@dataclass(frozen=True, slots=True, repr=False)
class Standing:
    """The four tables as they stand after an event."""

    jobs: Rows
    schedules: Rows
    log: Rows
    statistics: Rows

    @classmethod
    def after(cls, trace: Trace, entries: Sequence[Entry]) -> Standing:
        """Return the tables after the events of a replay of ``trace``."""
        tables = moment_after(trace, entries).tables
        return cls(
            Rows("jobs", dict(tables.jobs.rows)),
            Rows("schedules", dict(tables.schedules.rows)),
            Rows("log", dict(tables.log.rows)),
            Rows("statistics", dict(tables.statistics.rows)),
        )

    def __repr__(self) -> str:
        return "\n\n".join(map(repr, (self.jobs, self.schedules, self.log, self.statistics)))
