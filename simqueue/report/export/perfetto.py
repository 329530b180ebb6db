"""Chrome's trace events, for ui.perfetto.dev: a process for each process of the run."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.trace import Trace
from simqueue.report.export.reading import Asked, Handling, Message, Reading
from simqueue.report.export.status_spans import Row
from simqueue.report.export.tracks import Arrow, Count, Mark, Record, Sheet, Slice, Strand
from simqueue.report.log_index import Numbered
from simqueue.report.selection import kind_of_event
from simqueue.report.words import called, statement_words, words

_RUN, _SERVER, _TABLES = "run", "server", "jobs and schedules"
_EVENTS, _HANDLERS, _HEARD, _PROCESS = "events", "handlers", "notifications", "process"
_FAULTS, _VERDICTS = "faults", "verdicts"
_STRUCK = (e.FaultStruck, e.Healed, e.ServerCrashed, e.ServerRestarted)
_MARKED = (
    e.WorkerReady, e.WorkerStopping, e.WorkerExited, e.WorkerCrashed, e.WorkerResumed, e.ClockSet,
    e.TasksLeaked, e.ErrorIgnored, e.TaskFailed, e.ConnectionLost, e.ConnectionRefused, e.LogLine,
)  # fmt: skip


def _stall(event: e.WorkerPaused | e.LoopBlocked) -> str:
    """Return the name of a slice in which a process stands still."""
    if isinstance(event, e.WorkerPaused):
        return "paused"
    return "a thread sleeps" if event.thread else "blocks its loop"


def render_perfetto(trace: Trace) -> bytes:
    """Return one JSON document.

    Each worker, the scenario and the server are processes. In them are slices for handlers,
    statements with their hops, and notifications; jobs are strands of their statuses. Arrows lead
    from a statement to its commit and to its reply, from a commit to the clients that it notifies,
    and from a pick to the handler that it started.
    """
    document = {
        "displayTimeUnit": "ms",
        "otherData": _header(trace),
        "traceEvents": _Drawing(Reading(trace)).sheet.records(),
    }
    return msgspec.json.encode(document) + b"\n"


def _header(trace: Trace) -> Record:
    failure = trace.outcome.failure
    return {
        "target": trace.target,
        "seed": trace.seed,
        "outcome": "passed" if failure is None else f"{failure.kind}: {failure.message}",
        "start": trace.config.start.isoformat(),
        "digest": trace.digest,
        "simqueue": trace.simqueue,
        "pgqueuer": trace.pgqueuer,
        "python": trace.python,
    }


class _Drawing:
    """Puts a reading on a sheet."""

    def __init__(self, reading: Reading) -> None:
        self.reading, self.course = reading, reading.course
        self.sheet = Sheet(list(_processes(reading)))
        self.sheet.name(_RUN, _VERDICTS, _FAULTS)
        for life in reading.lives:
            self.sheet.name(life.worker, _PROCESS, _HANDLERS)
        self._served: dict[int, Slice] = {}
        """The server's slice of each statement."""
        self._lives()
        for asked in reading.asked:
            self._statement(asked)
        for handling in reading.handlings:
            self._handling(handling)
        for message in reading.messages:
            self._message(message)
        for row in reading.stays.rows:
            self._row(row)
        for numbered in enumerate(reading.trace.events):
            self._mark(numbered)
        for at, counts in reading.stays.counts:
            self.sheet.counts.append(Count(_TABLES, at, "jobs", {**counts}))  # type: ignore[dict-item]
        self._verdict()

    def _lives(self) -> None:
        for life in self.reading.lives:
            args = {"event": life.began[0], "ended": life.ending, "error": life.error}
            name = f"{life.worker} (incarnation {life.incarnation})"
            at = life.began[1].at
            self._add(Slice(life.worker, _PROCESS, at, life.end, name, "process", args))
        for number, entry in enumerate(self.reading.trace.events):
            match entry.event:  # partial: most events do not matter here
                case e.WorkerPaused(duration) | e.LoopBlocked(duration):
                    end = self._resumed(number, entry, duration)
                    name = _stall(entry.event)
                    args = {"event": number}
                    self._add(Slice(entry.worker, name, entry.at, end, name, "process", args))

    def _resumed(self, number: int, entry: Entry, duration: int) -> int:
        """Return when a pause was over: in its time, or before."""
        end = entry.at + duration
        for _, later in self.course.since(number + 1):
            if later.at >= end:
                break
            over = isinstance(later.event, (e.WorkerResumed, e.WorkerCrashed))
            if over and later.worker == entry.worker:
                return later.at
        return end

    def _add(self, slice_: Slice) -> Slice:
        self.sheet.slices.append(slice_)
        return slice_

    def _statement(self, asked: Asked) -> None:
        passage = asked.passage
        sent, name = passage.sent[1].at, statement_words(passage.name)
        args = {
            "event": passage.sent[0], "statement": passage.number, "name": passage.name,
            "result": self.course.plain(passage.result), "ended": asked.ending,
        }  # fmt: skip
        over, end = f"connection {passage.connection}", asked.end
        slice_ = Slice(passage.worker, over, sent, end, name, "statement", args)
        slice_.parts = _parts(asked)
        self._add(slice_)
        if passage.executed is None:
            return
        executed = passage.executed[1].at
        ended = self.reading.end if passage.ended is None else passage.ended[1].at
        details = {**args, "event": passage.executed[0]}
        served = self._add(Slice(_SERVER, over, executed, ended, name, "statement", details))
        self._served[passage.number] = served
        points: list[tuple[Slice, int]] = [(slice_, sent), (served, executed)]
        if served.end - 1 > executed:
            points.append((served, served.end - 1))
        if passage.replied is not None:
            slice_.end = max(slice_.end, served.end)
            points.append((slice_, max(points[-1][1], slice_.end - 1)))
        self.sheet.arrows.append(Arrow(name, points))

    def _handling(self, handling: Handling) -> None:
        number, entry = handling.began
        name = f"{handling.entrypoint} ({handling.subject[0]} {handling.subject[1]})"
        args = {
            "event": number, handling.subject[0]: handling.subject[1], "ended": handling.ending,
            "error": handling.error,
        }  # fmt: skip
        slice_ = Slice(handling.worker, _HANDLERS, entry.at, handling.end, name, "handler", args)
        self._add(slice_)
        self._arrow_to(slice_, entry.cause, "pick")

    def _message(self, message: Message) -> None:
        number, entry = message.heard
        verb = "misses" if message.dropped else "hears"
        name = f"{verb} {self.course.notification(message.sent)}"
        args = {"event": number, "sent": message.sent, "connection": message.connection}
        where = entry.worker
        slice_ = self._add(Slice(where, _HEARD, entry.at, entry.at, name, "notification", args))
        self._arrow_to(slice_, message.sent, "notification")

    def _arrow_to(self, slice_: Slice, cause: int | None, name: str) -> None:
        """Draw an arrow from the commit that an entry is of to the beginning of a slice."""
        passage = None if cause is None else self.course.passage_of(self.course.entries[cause])
        served = None if passage is None else self._served.get(passage.number)
        if served is not None and passage is not None and passage.ended is not None:
            left = min(passage.ended[1].at, served.end - 1)
            self.sheet.arrows.append(Arrow(name, [(served, left), (slice_, slice_.start)]))

    def _row(self, row: Row) -> None:
        noun, number = row.subject
        args = {"event": row.began[0], "ended": row.ending}
        name = f"{noun} {number} ({row.entrypoint})"
        strand = Strand(_TABLES, noun, row.began[1].at, row.end, name, args)
        for stay in row.stays:
            at, begun = stay.began[1].at, {"event": stay.began[0], "by": stay.began[1].worker}
            strand.parts.append((at, stay.end, stay.status, begun))
        self.sheet.strands.append(strand)

    def _mark(self, numbered: Numbered) -> None:
        number, entry = numbered
        details = f"{called(entry.worker)} {self.course.plain(words(entry.event))}"
        kind = kind_of_event(entry.event)
        where = entry.worker, _EVENTS
        if isinstance(entry.event, (e.InvariantBroken, e.Reached)):
            where = _RUN, _VERDICTS
        elif isinstance(entry.event, _STRUCK):
            where = _RUN, _FAULTS
        elif not isinstance(entry.event, _MARKED):
            return
        self.sheet.marks.append(Mark(*where, entry.at, details, kind, {"event": number}))

    def _verdict(self) -> None:
        failure = self.reading.trace.outcome.failure
        if failure is not None:
            details = f"FAILED: {failure.kind}: {failure.message}"
            args = {"where": failure.where, "signature": failure.signature}
            end = self.reading.end
            self.sheet.marks.append(Mark(_RUN, _VERDICTS, end, details, "failure", args))


def _processes(reading: Reading) -> Iterator[str]:
    yield from (_RUN, _TABLES, _SERVER)
    yield from (entry.worker for entry in reading.trace.events)


def _parts(asked: Asked) -> list[tuple[int, int, str]]:
    """Return a statement's hops, those that took time; the last may have led nowhere."""
    passage, names = asked.passage, ("to the server", "in the server", "to the client")
    if passage.executed is None and passage.replied is not None:
        return []  # the log says no more of it
    stations = (passage.sent, passage.executed, passage.ended, passage.replied)
    known = [min(station[1].at, asked.end) for station in stations if station is not None]
    ends = [*known[1:], asked.end]
    hops = zip(known, ends, names, strict=False)
    return [(start, end, name) for start, end, name in hops if end > start]
