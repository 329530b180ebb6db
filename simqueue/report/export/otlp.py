"""OpenTelemetry's spans, as OTLP has them in JSON: one ``ExportTraceServiceRequest``.

A run is one trace. Spans are children of what caused them: a job of the statement that enqueued it,
a handler's run of its job, what the server did of the statement that asked for it. A handler's run
is linked to the statement that picked the job, and a repeated one to the one before it. Ids follow
from the run's digest. Attributes have the names of OpenTelemetry's conventions where there are any,
else they begin with ``simqueue.``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.trace import Trace
from simqueue.report.export.reading import Asked, Ending, Handling, Life, Message, Reading
from simqueue.report.export.status_spans import Row
from simqueue.report.log_index import Numbered
from simqueue.report.selection import kind_of_event
from simqueue.report.words import called, statement_words, words

_Record = dict[str, Any]
_Value = str | int | bool | None

_INTERNAL, _SERVER, _CLIENT, _PRODUCER, _CONSUMER = 1, 2, 3, 4, 5
_OK, _ERROR = 1, 2
_SYSTEM = "pgqueuer"
_OPERATIONS: dict[str, Literal["send", "receive", "settle"]] = {
    "enqueue": "send",
    "dequeue": "receive",
    "log_jobs": "settle",
    "retry_job": "settle",
}
"""What a statement does to messages, by OpenTelemetry's conventions."""

_EXCEPTION = re.compile(r"([\w.]+)(?:: (.*))?", re.DOTALL)
_OF_ALL = (e.FaultStruck, e.Healed, e.InvariantBroken, e.ServerCrashed, e.ServerRestarted)


def render_otlp(trace: Trace) -> bytes:
    """Return one JSON document."""
    spans = _Spans(Reading(trace))
    resources = [
        {
            "resource": {"attributes": _attributes({"service.name": name, **spans.header})},
            "scopeSpans": [
                {"scope": {"name": "simqueue", "version": trace.simqueue}, "spans": each}
            ],
        }
        for name, each in spans.of.items()
    ]
    return msgspec.json.encode({"resourceSpans": resources}) + b"\n"


class _Spans:
    """The spans of a run, by the process that they are of."""

    def __init__(self, reading: Reading) -> None:
        self.reading, self.course, self.trace = reading, reading.course, reading.trace
        self.of: dict[str, list[_Record]] = {}
        self.header: dict[str, _Value] = {
            "service.namespace": "simqueue",
            "simqueue.target": self.trace.target,
            "simqueue.seed": self.trace.seed,
            "simqueue.digest": self.trace.digest,
            "simqueue.pgqueuer.version": self.trace.pgqueuer,
        }
        self._trace_id = self._hash("trace", 16)
        self._root = self._hash("run", 8)
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

    def _hash(self, what: str, size: int) -> str:
        said = f"{self.trace.digest} {what}".encode()
        return blake2b(said, digest_size=size).hexdigest()

    def _id(self, what: str) -> str:
        return self._hash(what, 8)

    def _time(self, at: int) -> str:
        return str((self.trace.config.epoch_us + at) * 1_000)

    def _add(
        self,
        process: str,
        key: str,
        name: str,
        kind: int,
        times: tuple[int, int],
        *,
        parent: str,
        attributes: Mapping[str, _Value],
        events: list[_Record] | None = None,
        links: list[_Record] | None = None,
        error: str | None = None,
        settled: bool = False,
    ) -> None:
        status: _Record = {"code": _OK} if settled else {}
        if error is not None:
            status = {"code": _ERROR, "message": error}
        span = {
            "traceId": self._trace_id,
            "spanId": self._id(key),
            "parentSpanId": parent,
            "name": name,
            "kind": kind,
            "startTimeUnixNano": self._time(times[0]),
            "endTimeUnixNano": self._time(max(times)),
            "attributes": _attributes(attributes),
            "events": events or [],
            "links": links or [],
            "status": status,
        }
        self.of.setdefault(process, []).append(span)

    def _event(self, numbered: Numbered, name: str, attributes: Mapping[str, _Value]) -> _Record:
        number, entry = numbered
        said = _attributes({"simqueue.event": number, **attributes})
        return {"timeUnixNano": self._time(entry.at), "name": name, "attributes": said}

    def _told(self, numbered: Numbered) -> _Record:
        """Return an event in its words."""
        entry = numbered[1]
        said = f"{called(entry.worker)} {self.course.plain(words(entry.event))}"
        return self._event(numbered, kind_of_event(entry.event), {"simqueue.words": said})

    def _link(self, span: str, why: str) -> _Record:
        attributes = _attributes({"simqueue.link": why})
        return {"traceId": self._trace_id, "spanId": span, "attributes": attributes}

    def _parent(self, entry: Entry) -> str:
        """Return the span of the process that an entry is of, that of the run if it has none."""
        for life in self._lives.get(entry.worker, ()):
            if life.began[1].at <= entry.at <= life.end:
                return self._id(f"life {life.began[0]}")
        return self._root

    def _server(self, cause: int | None) -> str | None:
        """Return the span of the commit that an entry is of."""
        passage = None if cause is None else self.course.passage_of(self.course.entries[cause])
        if passage is None or passage.executed is None:
            return None
        return self._id(f"server {passage.number}")

    def _run(self) -> None:
        failure = self.trace.outcome.failure
        entries = enumerate(self.trace.events)
        events = [self._told(each) for each in entries if isinstance(each[1].event, _OF_ALL)]
        error = None if failure is None else f"{failure.kind}: {failure.message}"
        attributes: dict[str, _Value] = {"simqueue.python": self.trace.python}
        if failure is not None:
            attributes |= {"error.type": failure.signature, "code.function.name": failure.where}
        self._add(
            "simqueue", "run", f"run {self.trace.target}".strip(), _INTERNAL, (0, self.reading.end),
            parent="", attributes=attributes, events=events, error=error, settled=failure is None,
        )  # fmt: skip

    def _life(self, life: Life) -> None:
        attributes: dict[str, _Value] = {
            "simqueue.event": life.began[0],
            "simqueue.incarnation": life.incarnation,
            "simqueue.ended": life.ending,
        }
        events = [self._told(each) for each in self._of_process(life)]
        self._add(
            life.worker, f"life {life.began[0]}", f"process {life.worker}", _INTERNAL,
            (life.began[1].at, life.end), parent=self._root, attributes=attributes, events=events,
            error=_error(life.ending, life.error, "the process was killed"),
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
        attributes: dict[str, _Value] = {
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
        rejected: dict[str, _Value] = {}
        if isinstance(failed, e.StatementFailed):
            error = f"{failed.sqlstate}: {failed.message}"
            rejected = {"db.response.status_code": failed.sqlstate, "error.type": failed.sqlstate}
        name, key = statement_words(passage.name), f"statement {passage.number}"
        kind = _PRODUCER if operation == "send" else _CLIENT
        self._add(
            passage.worker, key, name, kind, (entry.at, asked.end), parent=self._parent(entry),
            attributes=attributes | rejected, error=error,
        )  # fmt: skip
        if passage.executed is None:
            return
        started, executed = passage.executed
        ended = self.reading.end if passage.ended is None else passage.ended[1].at
        self._add(
            "server", f"server {passage.number}", name, _SERVER, (executed.at, ended),
            parent=self._id(key),
            attributes={
                "db.system.name": "postgresql", "db.operation.name": passage.name,
                "simqueue.event": started, "simqueue.statement": passage.number, **rejected,
            },
            error=error if rejected else None,
        )  # fmt: skip

    def _row(self, row: Row) -> None:
        number, entry = row.began
        noun, numbered = row.subject
        attributes: dict[str, _Value] = {
            "simqueue.event": number,
            f"simqueue.{noun}.id": numbered,
            f"simqueue.{noun}.status": row.ending,
            "simqueue.entrypoint": row.entrypoint,
        }
        if noun == "job":
            attributes |= _message_of(row.entrypoint, numbered)
        stays = [
            self._event(stay.began, stay.status, {"simqueue.worker": stay.began[1].worker})
            for stay in row.stays
        ]
        self._add(
            "jobs and schedules", f"row {number}", f"{noun} {numbered} ({row.entrypoint})",
            _INTERNAL, (entry.at, row.end), parent=self._server(number) or self._root,
            attributes=attributes, events=stays,
            error=f"the job ended as {row.final}" if row.final == "exception" else None,
            settled=row.final == "successful",
        )  # fmt: skip

    def _handling(self, handling: Handling) -> None:
        number, entry = handling.began
        noun, numbered = handling.subject
        row = handling.row
        parent = self._parent(entry) if row is None else self._id(f"row {row.began[0]}")
        attributes: dict[str, _Value] = {
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
        events, found = [], _EXCEPTION.fullmatch(handling.error)
        if handling.error:
            kind, message = (found[1], found[2] or "") if found else ("Exception", handling.error)
            attributes["error.type"] = kind
            said = {"exception.type": kind, "exception.message": message}
            events.append(
                {
                    "timeUnixNano": self._time(handling.end),
                    "name": "exception",
                    "attributes": _attributes(said),
                }
            )
        self._add(
            handling.worker, f"handling {number}", f"process {handling.entrypoint}",
            _CONSUMER if noun == "job" else _INTERNAL, (entry.at, handling.end),
            parent=parent, attributes=attributes,
            events=events, links=list(self._links(handling)), settled=handling.ending == "done",
            error=_error(handling.ending, handling.error, "its process was killed"),
        )  # fmt: skip

    def _links(self, handling: Handling) -> Iterator[_Record]:
        picked = self._server(handling.began[1].cause)
        if picked is not None:
            yield self._link(picked, "picked by")
        if handling.repeats is not None:
            yield self._link(self._id(f"handling {handling.repeats.began[0]}"), "runs again")

    def _message(self, message: Message) -> None:
        number, entry = message.heard
        verb = "misses" if message.dropped else "hears"
        self._add(
            entry.worker, f"notification {number}", f"{verb} notification", _CLIENT,
            (self.course.entries[message.sent].at, entry.at),
            parent=self._server(message.sent) or self._parent(entry),
            attributes={
                "simqueue.event": number, "simqueue.connection": message.connection,
                "simqueue.notification": self.course.notification(message.sent),
            },
            error="its connection was gone" if message.dropped else None,
        )  # fmt: skip


def _message_of(entrypoint: str, number: int) -> dict[str, _Value]:
    return {
        "messaging.system": _SYSTEM,
        "messaging.destination.name": entrypoint,
        "messaging.message.id": str(number),
    }


def _batch(did: list[e.AnyEvent]) -> dict[str, _Value]:
    """Return what a statement did messages to: how many, and which, if that is one."""
    kinds = (e.JobEnqueued, e.JobPicked, e.JobLogged, e.JobRetried)
    jobs = [event for event in did if isinstance(event, kinds)]
    attributes: dict[str, _Value] = {"messaging.batch.message_count": len(jobs)}
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


def _attributes(values: Mapping[str, _Value]) -> list[_Record]:
    return [
        {"key": key, "value": _value(value)} for key, value in values.items() if value is not None
    ]


def _value(value: _Value) -> _Record:
    if isinstance(value, bool):
        return {"boolValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}
