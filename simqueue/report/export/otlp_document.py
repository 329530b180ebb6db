"""A document of OTLP in JSON: spans by process, with their times, ids and attributes.

Ids follow from the run's digest, so that a trace always gives the same document.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from simqueue.model.trace import Trace
from simqueue.report.log_index import Numbered

Record = dict[str, Any]
Value = str | int | bool | None

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
_OK, _ERROR = 1, 2


class Document:
    """The spans of a run, by the process that they are of; ``root`` is the id of the run's."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._spans: dict[str, list[Record]] = {}
        self._trace_id = self._hash("trace", 16)
        self.root = self._hash("run", 8)

    def render(self) -> bytes:
        """Return the document as JSON."""
        trace = self._trace
        scope = {"name": "simqueue", "version": trace.simqueue}
        header: dict[str, Value] = {
            "service.namespace": "simqueue",
            "simqueue.target": trace.target,
            "simqueue.seed": trace.seed,
            "simqueue.digest": trace.digest,
            "simqueue.pgqueuer.version": trace.pgqueuer,
        }
        resources = [
            {
                "resource": {"attributes": _attributes({"service.name": name, **header})},
                "scopeSpans": [{"scope": scope, "spans": spans}],
            }
            for name, spans in self._spans.items()
        ]
        return msgspec.json.encode({"resourceSpans": resources}) + b"\n"

    def _hash(self, key: str, size: int) -> str:
        return blake2b(f"{self._trace.digest} {key}".encode(), digest_size=size).hexdigest()

    def id(self, key: str) -> str:
        """Return the id of the span that was or will be added under a key."""
        return self._hash(key, 8)

    def _time(self, at: int) -> str:
        return str((self._trace.config.epoch_us + at) * 1_000)

    def add(
        self,
        process: str,
        key: str,
        name: str,
        kind: int,
        times: tuple[int, int],
        *,
        parent: str,
        attributes: Mapping[str, Value],
        events: list[Record] | None = None,
        links: list[Record] | None = None,
        error: str | None = None,
        settled: bool = False,
    ) -> None:
        """Add a span of a process; ``times`` are its begin and its end."""
        status: Record = {"code": _OK} if settled else {}
        if error is not None:
            status = {"code": _ERROR, "message": error}
        span = {
            "traceId": self._trace_id,
            "spanId": self.id(key),
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
        self._spans.setdefault(process, []).append(span)

    def moment(self, at: int, name: str, attributes: Mapping[str, Value]) -> Record:
        """Return an event of a span."""
        return {
            "timeUnixNano": self._time(at),
            "name": name,
            "attributes": _attributes(attributes),
        }

    def event(self, numbered: Numbered, name: str, attributes: Mapping[str, Value]) -> Record:
        """Return an event of a span for an entry of the log."""
        number, entry = numbered
        return self.moment(entry.at, name, {"simqueue.event": number, **attributes})

    def link(self, span: str, why: str) -> Record:
        """Return a link to a span."""
        attributes = _attributes({"simqueue.link": why})
        return {"traceId": self._trace_id, "spanId": span, "attributes": attributes}


def _attributes(values: Mapping[str, Value]) -> list[Record]:
    return [
        {"key": key, "value": _value(value)} for key, value in values.items() if value is not None
    ]


def _value(value: Value) -> Record:
    if isinstance(value, bool):
        return {"boolValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}
