"""OpenTelemetry's spans, as OTLP has them in JSON: one ``ExportTraceServiceRequest``.

A run is one trace. Spans are children of their causes: a job of the statement that enqueued it, a
handler's run of its job, an action of the server of the statement that requested it. A handler's
run is linked to the statement that picked the job, and a repeated one to the one before it. Ids
follow from the run's digest. Attributes have the names of OpenTelemetry's conventions where there
are any, else they begin with ``simqueue.``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, assert_never

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.trace import Trace
from simqueue.report.export.otlp_document import (
    CLIENT,
    CONSUMER,
    INTERNAL,
    PRODUCER,
    SERVER,
    Document,
    Record,
    Value,
)
from simqueue.report.export.reading import Asked, Ending, Handling, Life, Message, Reading
from simqueue.report.export.status_spans import Row
from simqueue.report.log_index import Numbered
from simqueue.report.selection import kind_of_event
from simqueue.report.words import called, statement_words, words

_SYSTEM = "pgqueuer"
_OPERATIONS: dict[str, Literal["send", "receive", "settle"]] = {
    "enqueue": "send",
    "dequeue": "receive",
    "log_jobs": "settle",
    "retry_job": "settle",
}
"""The operation of a statement on messages, by OpenTelemetry's conventions."""

_EXCEPTION = re.compile(r"([\w.]+)(?:: (.*))?", re.DOTALL)
_OF_ALL = (e.FaultStruck, e.Healed, e.InvariantBroken, e.ServerCrashed, e.ServerRestarted)


def render_otlp(trace: Trace) -> bytes:
    """Return one JSON document."""
    return _Spans(Reading(trace)).document.render()


class _Spans:
    """Adds the spans of a run to a document."""

    def __init__(self, reading: Reading) -> None:
        self.reading, self.course, self.trace = reading, reading.course, reading.trace
        self.document = Document(self.trace)
        self._lives: dict[str, list[Life]] = {}
        for life in reading.lives:
            self._lives.setdefault(life.worker, []).append(life)
        self._run()
        for life in reading.lives:
            self._life(life)
        for asked in reading.asked:
            self._statement(asked)
        for row in reading.stays.rows:
            self._row(row)
        for handling in reading.handlings:
            self._handling(handling)
        for message in reading.messages:
            self._message(message)

    def _sentence(self, numbered: Numbered) -> Record:
        """Return an event with its sentence."""
        entry = numbered[1]
        sentence = f"{called(entry.worker)} {self.course.plain(words(entry.event))}"
        attributes: dict[str, Value] = {"simqueue.words": sentence}
        return self.document.event(numbered, kind_of_event(entry.event), attributes)

    def _parent(self, entry: Entry) -> str:
        """Return the span of the process that an entry is of, that of the run if it has none."""
        for life in self._lives.get(entry.worker, ()):
            if life.began[1].at <= entry.at <= life.end:
                return self.document.id(f"life {life.began[0]}")
        return self.document.root

    def _server(self, cause: int | None) -> str | None:
        """Return the span of the commit that an entry is of."""
        passage = None if cause is None else self.course.passage_of(self.course.entries[cause])
        if passage is None or passage.executed is None:
            return None
        return self.document.id(f"server {passage.number}")

    def _run(self) -> None:
        failure = self.trace.outcome.failure
        entries = enumerate(self.trace.events)
        events = [self._sentence(each) for each in entries if isinstance(each[1].event, _OF_ALL)]
        error = None if failure is None else f"{failure.kind}: {failure.message}"
        attributes: dict[str, Value] = {"simqueue.python": self.trace.python}
        if failure is not None:
            attributes |= {"error.type": failure.signature, "code.function.name": failure.where}
        self.document.add(
            "simqueue", "run", f"run {self.trace.target}".strip(), INTERNAL, (0, self.reading.end),
            parent="", attributes=attributes, events=events, error=error, settled=failure is None,
        )  # fmt: skip

    def _life(self, life: Life) -> None:
        attributes: dict[str, Value] = {
            "simqueue.event": life.began[0],
            "simqueue.incarnation": life.incarnation,
            "simqueue.ended": life.ending,
        }
        events = [self._sentence(each) for each in self._of_process(life)]
        self.document.add(
            life.worker, f"life {life.began[0]}", f"process {life.worker}", INTERNAL,
            (life.began[1].at, life.end), parent=self.document.root, attributes=attributes,
            events=events, error=_error(life.ending, life.error, "the process was killed"),
        )  # fmt: skip

    def _of_process(self, life: Life) -> Iterator[Numbered]:
        kinds = (
            e.WorkerReady, e.WorkerStopping, e.WorkerPaused, e.WorkerResumed, e.ClockSet,
            e.LoopBlocked, e.TasksLeaked, e.ErrorIgnored, e.TaskFailed, e.LogLine,
            e.PoolExhausted, e.PoolServed,
        )  # fmt: skip
        for number, entry in self.course.since(life.began[0]):
            if entry.at > life.end:
                break
            if entry.worker == life.worker and isinstance(entry.event, kinds):
                yield number, entry

    def _statement(self, asked: Asked) -> None:
        passage = asked.passage
        number, entry = passage.sent
        operation = _OPERATIONS.get(passage.name)
        attributes: dict[str, Value] = {
            "db.system.name": "postgresql",
            "db.operation.name": passage.name,
            "simqueue.event": number,
            "simqueue.statement": passage.number,
            "simqueue.connection": passage.connection,
            "simqueue.result": self.course.plain(passage.result),
        }
        if operation is not None:
            attributes |= {
                "messaging.system": _SYSTEM,
                "messaging.operation.type": operation,
                "messaging.operation.name": passage.name,
                "messaging.client.id": passage.worker,
                **_batch([each.event for each in passage.did]),
            }
        failed = passage.ended[1].event if passage.ended is not None else None
        error = _error(asked.ending, "", "the process was killed before the reply came")
        rejected: dict[str, Value] = {}
        if isinstance(failed, e.StatementFailed):
            error = f"{failed.sqlstate}: {failed.message}"
            rejected = {"db.response.status_code": failed.sqlstate, "error.type": failed.sqlstate}
        name, key = statement_words(passage.name), f"statement {passage.number}"
        kind = PRODUCER if operation == "send" else CLIENT
        self.document.add(
            passage.worker, key, name, kind, (entry.at, asked.end), parent=self._parent(entry),
            attributes=attributes | rejected, error=error,
        )  # fmt: skip
        if passage.executed is None:
            return
        started, executed = passage.executed
        ended = self.reading.end if passage.ended is None else passage.ended[1].at
        self.document.add(
            "server", f"server {passage.number}", name, SERVER, (executed.at, ended),
            parent=self.document.id(key),
            attributes={
                "db.system.name": "postgresql", "db.operation.name": passage.name,
                "simqueue.event": started, "simqueue.statement": passage.number, **rejected,
            },
            error=error if rejected else None,
        )  # fmt: skip

    def _row(self, row: Row) -> None:
        number, entry = row.began
        noun, numbered = row.subject
        attributes: dict[str, Value] = {
            "simqueue.event": number,
            f"simqueue.{noun}.id": numbered,
            f"simqueue.{noun}.status": row.ending,
            "simqueue.entrypoint": row.entrypoint,
        }
        if noun == "job":
            attributes |= _message_of(row.entrypoint, numbered)
        stays = [
            self.document.event(stay.began, stay.status, {"simqueue.worker": stay.began[1].worker})
            for stay in row.stays
        ]
        self.document.add(
            "jobs and schedules", f"row {number}", f"{noun} {numbered} ({row.entrypoint})",
            INTERNAL, (entry.at, row.end), parent=self._server(number) or self.document.root,
            attributes=attributes, events=stays,
            error=f"the job ended as {row.final}" if row.final == "exception" else None,
            settled=row.final == "successful",
        )  # fmt: skip

    def _handling(self, handling: Handling) -> None:
        number, entry = handling.began
        noun, numbered = handling.subject
        row = handling.row
        parent = self._parent(entry) if row is None else self.document.id(f"row {row.began[0]}")
        attributes: dict[str, Value] = {
            "simqueue.event": number,
            f"simqueue.{noun}.id": numbered,
            "simqueue.entrypoint": handling.entrypoint,
            "simqueue.ended": handling.ending,
        }
        if noun == "job":
            attributes |= {
                **_message_of(handling.entrypoint, numbered),
                "messaging.operation.type": "process",
                "messaging.operation.name": "process",
                "messaging.client.id": handling.worker,
                "simqueue.manager": handling.manager,
            }
        events, named = [], _EXCEPTION.fullmatch(handling.error)
        if handling.error:
            kind, message = (named[1], named[2] or "") if named else ("Exception", handling.error)
            attributes["error.type"] = kind
            details: dict[str, Value] = {"exception.type": kind, "exception.message": message}
            events.append(self.document.moment(handling.end, "exception", details))
        self.document.add(
            handling.worker, f"handling {number}", f"process {handling.entrypoint}",
            CONSUMER if noun == "job" else INTERNAL, (entry.at, handling.end),
            parent=parent, attributes=attributes,
            events=events, links=list(self._links(handling)), settled=handling.ending == "done",
            error=_error(handling.ending, handling.error, "its process was killed"),
        )  # fmt: skip

    def _links(self, handling: Handling) -> Iterator[Record]:
        picked = self._server(handling.began[1].cause)
        if picked is not None:
            yield self.document.link(picked, "picked by")
        if handling.repeats is not None:
            yield self.document.link(
                self.document.id(f"handling {handling.repeats.began[0]}"), "runs again"
            )

    def _message(self, message: Message) -> None:
        number, entry = message.heard
        verb = "misses" if message.dropped else "hears"
        self.document.add(
            entry.worker, f"notification {number}", f"{verb} notification", CLIENT,
            (self.course.entries[message.sent].at, entry.at),
            parent=self._server(message.sent) or self._parent(entry),
            attributes={
                "simqueue.event": number, "simqueue.connection": message.connection,
                "simqueue.notification": self.course.notification(message.sent),
            },
            error="its connection was gone" if message.dropped else None,
        )  # fmt: skip


def _message_of(entrypoint: str, number: int) -> dict[str, Value]:
    return {
        "messaging.system": _SYSTEM,
        "messaging.destination.name": entrypoint,
        "messaging.message.id": str(number),
    }


def _batch(did: list[e.AnyEvent]) -> dict[str, Value]:
    """Return the number of messages that a statement handled, and the id if there is one."""
    kinds = (e.JobEnqueued, e.JobPicked, e.JobLogged, e.JobRetried)
    jobs = [event for event in did if isinstance(event, kinds)]
    attributes: dict[str, Value] = {"messaging.batch.message_count": len(jobs)}
    if len(jobs) == 1:
        attributes = {"messaging.message.id": str(jobs[0].job_id)}
    named = {event.entrypoint for event in jobs if isinstance(event, (e.JobEnqueued, e.JobLogged))}
    if len(named) == 1:
        attributes["messaging.destination.name"] = named.pop()
    return attributes


def _error(ending: Ending, error: str, killed: str) -> str | None:
    match ending:
        case "failed":
            return error
        case "killed":
            return killed
        case "lost":
            return "the connection was lost"
        case "done" | "unfinished":
            return None
        case _:
            assert_never(ending)
