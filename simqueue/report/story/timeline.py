"""The timeline: what happened to the participants of a failure, in order of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.trace import Trace
from simqueue.report.effects import listed
from simqueue.report.lines import Numbered, numbered, render_lines
from simqueue.report.log_index import Course
from simqueue.report.story.claims import claim_words, is_claim
from simqueue.report.story.heartbeat_gap import render_heartbeat_gap
from simqueue.report.story.participants import Involved
from simqueue.report.story.stale_view import render_stale_view
from simqueue.report.units import span
from simqueue.report.words import task_words, words

_LINES_MAX = 30
_WORDS_MAX = 500
_SERIOUS = ("warning", "error", "critical")

_OF_WORKERS = (
    e.WorkerStopping, e.WorkerExited, e.WorkerCrashed, e.WorkerPaused, e.WorkerResumed, e.ClockSet,
    e.TasksLeaked, e.ErrorIgnored, e.TaskFailed, e.LoopBlocked, e.ConnectionLost,
    e.ConnectionRefused, e.PoolExhausted, e.PoolServed, e.StatementFailed, e.FaultStruck,
    e.InvariantBroken,
)  # fmt: skip
"""Events of workers that matter to the jobs that they run."""

_OF_ALL = (e.ServerCrashed, e.ServerRestarted, e.Healed, e.InvariantBroken)
_NOTHING = (e.ScheduleKept, e.JobDeduplicated)
_ORDERLY = (e.WorkerStarted, e.WorkerStopping, e.WorkerExited)
_HAD = (e.JobPicked, e.SchedulePicked, e.HandlerStarted)


def render_timeline(course: Course, trace: Trace, involved: Involved) -> str:
    """Return what happened to the participants in order of time; ``""`` if there are none."""
    losses = set(_losses_of_listen(trace.events, involved))
    shown = [
        each for each in enumerate(trace.events) if each[0] in losses or matters(each[1], involved)
    ]
    shown = list(_without_idle_lives(shown, involved))
    if not shown:
        return ""
    more = [f"{involved.left} more, which are not shown"] * bool(involved.left)
    names = [name for name in (_noun(course, involved), *involved.workers, *more) if name]
    failure = trace.outcome.failure
    if failure is not None and is_claim(failure):
        about = claim_words(failure, trace.events)
        title = "\n".join([f"How it came about ({about}):", *_nearby(names, involved)])
    elif not names:
        return ""
    else:
        title = f"How it came about ({listed(names)}):"
    broken = [each for each in shown if isinstance(each[1].event, e.InvariantBroken)]
    others = [each for each in shown if not isinstance(each[1].event, e.InvariantBroken)]
    kept = [each for each in others if each[0] in losses][-1:]
    lines = _lines(course, others, kept)
    failed = [_verdict(each) for each in broken]
    return course.plain("\n".join([title, *_settings(trace, involved), *lines, *failed]))


def _nearby(names: list[str], involved: Involved) -> Iterator[str]:
    """Yield the participants of a failed check."""
    if names:
        why = "named by it" if involved.certain else "at work around then"
        yield f"    ({why}: {listed(names)})"


def _lines(course: Course, entries: list[Numbered], kept: list[Numbered]) -> list[str]:
    """Return the last lines of a timeline, and before them those of the ``kept`` entries."""

    def render(entries: list[Numbered], last: int | None = None) -> list[str]:
        return render_lines(entries, last=last, say=lambda number: say(course, number))

    lines, first = render(entries, _LINES_MAX), render(kept)
    if set(first) <= set(lines):
        return lines
    others = [each for each in entries if each not in kept]
    return [*first, *render(others, _LINES_MAX - len(first))]


def _noun(course: Course, involved: Involved) -> str:
    """Return the jobs and schedules: one with its entrypoint, several by their numbers."""
    if len(involved.subjects) == 1:
        return course.label(*involved.subjects[0])
    parts = []
    for noun in ("job", "schedule"):
        numbers = [str(number) for each, number in involved.subjects if each == noun]
        if numbers:
            parts.append(f"{noun}{'s' * (len(numbers) > 1)} {', '.join(numbers)}")
    return listed(parts) if parts else ""


# --- which entries ---


def matters(entry: Entry, involved: Involved) -> bool:
    """Return whether an entry is about a participant, or happened to one of their workers."""
    event = entry.event
    if isinstance(event, _NOTHING):
        return False
    if involved.concerns(entry) or isinstance(event, _OF_ALL):
        return True
    if entry.worker not in involved.workers:
        return isinstance(event, e.FaultStruck)
    match event:  # partial: most events do not matter here
        case e.LogLine(_, level):
            return level in _SERIOUS
        case e.WorkerStarted(incarnation):
            return incarnation > 1
        case _:
            return isinstance(event, _OF_WORKERS)


def _losses_of_listen(entries: Sequence[Entry], involved: Involved) -> Iterator[int]:
    """Yield where the workers stopped listening because a connection broke.

    The server writes that down just before the loss of the connection, since it forgets the
    session first. Without a loss it is the orderly end of a session, which says nothing.
    """
    silent = dict[tuple[str, str], list[int]]()
    at = -1
    for number, entry in enumerate(entries):
        if entry.at != at:
            at, silent = entry.at, {}
        event = entry.event
        if isinstance(event, e.Listening) and not event.on and entry.worker in involved.workers:
            silent.setdefault((entry.worker, event.connection), []).append(number)
        elif isinstance(event, e.ConnectionLost):
            yield from silent.pop((entry.worker, event.connection), ())


def _without_idle_lives(shown: list[Numbered], involved: Involved) -> Iterator[Numbered]:
    """Leave out starts and orderly ends of processes that had none of the jobs and schedules."""
    lives, life = list[tuple[str, int]](), dict[str, int]()
    busy = set[tuple[str, int]]()
    for _, entry in shown:
        worker = entry.worker
        if isinstance(entry.event, e.WorkerStarted):
            life[worker] = life.get(worker, 0) + 1
        lives.append((worker, life.get(worker, 0)))
        if isinstance(entry.event, _HAD) and involved.concerns(entry):
            busy.add(lives[-1])
    last = {each[0]: each for each in lives}
    for each, whose in zip(shown, lives, strict=True):
        orderly = isinstance(each[1].event, _ORDERLY)
        if not orderly or whose in busy or whose == last[whose[0]]:
            yield each


def _settings(trace: Trace, involved: Involved) -> Iterator[str]:
    """Yield the settings of the workers, those with the same settings together."""
    by_setting = dict[str, list[str]]()
    for entry in trace.events:
        if isinstance(entry.event, e.WorkerReady) and entry.worker in involved.workers:
            names = by_setting.setdefault(_setting(entry.event), [])
            names += [entry.worker] * (entry.worker not in names)
    for setting, names in by_setting.items():
        yield f"    ({listed(names)}: {setting})"


def _setting(ready: e.WorkerReady) -> str:
    connections = "a pool of connections" if ready.pooled else "one connection"
    if not ready.manager:
        return f"a SchedulerManager alone, {connections}"
    parts = [
        f"heartbeat_timeout {span(ready.heartbeat_timeout)}",
        f"dequeue_timeout {span(ready.dequeue_timeout)}",
        connections,
    ]
    parts += ["drain mode"] if ready.drain else []
    parts += [] if ready.tasks_max is None else [f"max_concurrent_tasks {ready.tasks_max}"]
    limited = [f"{name} {limit}" for name, limit in ready.entrypoints if limit]
    parts += [f"concurrency_limit of {listed(limited)}"] if limited else []
    return ", ".join(parts)


# --- their lines ---


def _verdict(broken: Numbered) -> str:
    """Return the line that says where an invariant was found violated; it has no actor."""
    number, entry = broken
    assert isinstance(entry.event, e.InvariantBroken)  # noqa: S101  as it was chosen
    return f"{numbered(number, entry)}  >> {entry.event.name} is broken"


def say(course: Course, number: int) -> str:
    """Return the sentence of an entry, with what is needed to understand it."""
    entry = course.entries[number]
    parts = words(entry.event)
    if len(parts) > _WORDS_MAX:
        parts = f"{parts[:_WORDS_MAX]}... ({len(parts):,} characters)"
    if isinstance(entry.event, e.LoopBlocked) and entry.cause is not None:
        return _blocking(parts, entry.event, course.entries[entry.cause].event)
    return parts + (render_heartbeat_gap(course, number) or render_stale_view(course, number))


def _blocking(parts: str, event: e.LoopBlocked, cause: e.AnyEvent) -> str:
    """Add the handler whose step blocks, or whose thread sleeps."""
    if not isinstance(cause, e.HandlerStarted):
        return parts
    if event.thread:
        return parts.replace("a thread", f"a thread of {task_words(cause)}", 1)
    return f"{parts} in {task_words(cause)}"
