"""Stops: a debugger opens at events of a replay, with what there is to look at in its frame."""

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

from simqueue.adapter.installed import names_in_force
from simqueue.errors import UsageError
from simqueue.model.events import AnyEvent, Entry
from simqueue.model.trace import Trace
from simqueue.report.difference import Difference
from simqueue.report.lines import concerns, render_line, render_lines
from simqueue.report.managers import Managers
from simqueue.report.printable import printable
from simqueue.report.tables import render_table
from simqueue.sim.code.places import is_users, place, source_line, waiting_frames
from simqueue.sim.simulation import Simulation
from simqueue.store import fold
from simqueue.terminal import say

StopAt = Callable[[int, Entry], bool]
"""Asked about each event's number and entry, in their order, whether to stop there."""

_HOOK = "pdb.set_trace"
_STORY = 25
_AT_HAND = "sim, entry, event, tables, task, frames, job(7), story(), stack(), next_event()"
_OUTSIDE = ("simqueue.sim.kernel.scheduler",)
"""What calls each step of a simulated process: no frame from there on outwards belongs to it."""


class Stops:
    """Opens a debugger at each event that ``stop_at`` is true of.

    Raises:
        UsageError: debuggers are switched off.
    """

    def __init__(self, trace: Trace, stop_at: StopAt) -> None:
        if os.environ.get("PYTHONBREAKPOINT") == "0":
            raise UsageError(
                "PYTHONBREAKPOINT=0 switches debuggers off: unset it to stop at events"
            )
        self._trace, self._stop_at = trace, stop_at
        self._entries: list[Entry] = []
        self._tasks: dict[int, weakref.ref[asyncio.Task[Any]]] = {}
        self._sim: Simulation | None = None
        self._next = False

    def begin(self, sim: Simulation) -> None:
        """Remember the simulation."""
        self._sim = sim

    def see(self, number: int, entry: Entry, parted: Difference | None) -> None:
        """Stop at an event if that is asked for; ``parted`` tells where the replay drifted."""
        self._entries.append(entry)
        task = asyncio.current_task()
        if task is not None:  # Not held: when a task ends is part of the run.
            self._tasks[number] = weakref.ref(task)
        wanted = self._stop_at(number, entry)
        if wanted or self._next:
            self._next = False
            self._stop(number, entry, parted)

    def _stop(self, number: int, entry: Entry, parted: Difference | None) -> None:
        made = list(_made_by(sys._getframe()))  # noqa: SLF001
        task = self._task(number)
        frames = [frame for _, frame in reversed(made)]
        if not frames and task is not None:
            waiting = waiting_frames(task.get_coro())
            frames = [frame for frame in waiting if not _is_ours(frame)]
        # Its own: whatever is done to them is not done to the run's.
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
        """Return the task that made an event, or whose statement led to it."""
        at: int | None = number
        while at is not None:
            found = self._tasks.get(at)
            if found is not None:
                return found()
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
        yield f"Stopped at event {number} of 0 to {last}; c goes on. At hand: {_AT_HAND}"
        yield render_line(number, entry)
        yield from _drift(number, parted)
        if made:
            ups, frame = _most_telling(made)
            yield f"up {ups} is {place(frame.f_code, frame.f_lineno)}, whose step made it"
        elif task is not None:
            yield f"task {task.get_name()} led to it, and waits: see stack()"

    # --- what is at hand ---

    def job(self, job_id: int) -> Text:
        """Return all that has happened to a job."""
        lines = [
            render_line(number, entry)
            for number, entry in enumerate(self._entries)
            if concerns(entry.event, job=job_id)
        ]
        told = "\n".join(lines) or f"Nothing has happened to job {job_id} so far."
        return Text(Managers(self._entries).plain(told))

    def story(self, last: int = _STORY) -> Text:
        """Return the last lines of what has happened so far, routine folded."""
        lines = render_lines(enumerate(self._entries), last=last)
        return Text(Managers(self._entries).plain("\n".join(lines)))

    def next_event(self) -> None:
        """Let the next event be a stop, too."""
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
    """Be the frame that the debugger opens in."""
    event = entry.event
    job, story, next_event = stops.job, stops.story, stops.next_event  # noqa: F841  for who looks

    def stack() -> Text:
        """Return where the code of ``frames`` is."""
        return Text("\n".join(_told(frames)) or "No code of the run led to it.")

    with _quitting():
        sys.breakpointhook(**_printed(header))  # noqa: T100
        return event  # You are at this event: `c` goes on, `up` leads to who made it.


@contextmanager
def _quitting() -> Iterator[None]:
    """Take ``exit()`` in an interpreter that the debugger opened for a wish to quit."""
    try:
        yield
    except SystemExit:
        raise KeyboardInterrupt("a debugger was told to exit") from None


def _printed(header: str) -> dict[str, str]:
    """Print a text, or return the options that let the debugger print it once it can."""
    hook: Any = sys.breakpointhook
    python_s = hook is sys.__breakpointhook__
    pdb_s = python_s and (os.environ.get("PYTHONBREAKPOINT") or _HOOK) == _HOOK
    if pdb_s or getattr(hook, "__module__", "") == "_pytest.debugging":
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


def _made_by(innermost: FrameType) -> Iterator[tuple[int, FrameType]]:
    """Yield the frames of the step that runs, innermost first, and how far up each is.

    Simqueue's own between them are left out.
    """
    frame: FrameType | None = innermost
    ups = 1  # from the prompt's frame to its caller
    while frame is not None:
        if frame.f_globals.get("__name__") in _OUTSIDE:
            return
        if not _is_ours(frame):
            yield ups, frame
        frame, ups = frame.f_back, ups + 1


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] == "simqueue"


def _most_telling(made: list[tuple[int, FrameType]]) -> tuple[int, FrameType]:
    """Return the innermost frame that is the user's, or else the innermost."""
    users = [each for each in made if is_users(each[1].f_code.co_filename)]
    return (users or made)[0]


def _told(frames: Sequence[FrameType]) -> Iterator[str]:
    for index, frame in enumerate(frames):
        where = place(frame.f_code, frame.f_lineno)
        line = source_line(frame.f_code, frame.f_lineno)
        yield f"frames[{index}]  {where}: {line}"


# --- text and tables ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, repr=False)
class Text:
    """Text that a prompt shows as it is; editors shorten what is a ``str``."""

    text: str

    def __repr__(self) -> str:
        return printable(self.text)


class Rows(dict[Any, msgspec.Struct]):
    """The rows of a table by their keys, shown as ``simqueue show --at`` shows them."""

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
        """Fold a log of a replay of ``trace``."""
        tables = fold(names_in_force(trace.config.epoch_us), entries)
        return cls(
            *(
                Rows(name, dict(getattr(tables, name).rows))
                for name in ("jobs", "schedules", "log", "statistics")
            )
        )

    def __repr__(self) -> str:
        return "\n\n".join(map(repr, (self.jobs, self.schedules, self.log, self.statistics)))
