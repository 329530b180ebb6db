"""The bar at the top of each page: the current event, and links to others."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from simqueue.inspect.moments import Moments
from simqueue.report.log_index import Course
from simqueue.report.sentence import sentence
from simqueue.report.units import moment
from simqueue.web.jumps import Jumps

STATIC = Path(__file__).parent / "static"
_BODY = re.compile(rb"<body\b[^>]*>")
_HEAD = re.compile(rb"</head>")
_TEMPLATES = Environment(
    loader=FileSystemLoader(STATIC), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Description:
    """An event in words: its time on the run's clock and in the calendar, and its sentence."""

    number: int
    moment: str
    date: str
    text: str


class Bar:
    """Renders the bar of each event."""

    def __init__(self, moments: Moments) -> None:
        trace = moments.trace
        self._moments, self._course = moments, Course(trace.events)
        self.jumps = Jumps(trace, self._course)
        self._title = f"{trace.target or 'a scenario'}, seed {trace.seed}"
        self._failure = trace.outcome.failure

    def tell(self, number: int) -> Description:
        """Describe an event."""
        entry = self._moments.trace.events[number]
        date = f"{self._moments.date(entry.at):%Y-%m-%d %H:%M:%S.%f} UTC"
        return Description(number, moment(entry.at), date, sentence(self._course, entry))

    def render(self, number: int, page: str, query: str) -> bytes:
        """Return the bar of an event on a page of the dashboard, as HTML.

        Args:
            number: of the event.
            page: the path within the dashboard, such as ``/jobs``.
            query: what follows it, without the question mark.
        """
        rest = page + (f"?{query}" if query else "")
        template = _TEMPLATES.get_template("bar.html")
        document = template.render(
            event=self.tell(number), last=self._moments.last, page=page, rest=rest,
            changes=self.jumps.changes(number), same=self.jumps.same(number, page),
            failure=self.jumps.failure, failed=self._failure, title=self._title,
        )  # fmt: skip
        return document.encode()

    def insert(self, document: bytes, number: int, page: str, query: str) -> bytes:
        """Return a page with the bar at its top; a fragment of a page is returned unchanged."""
        head, body = _HEAD.search(document), _BODY.search(document)
        if head is None or body is None:
            return document
        bar = self.render(number, page, query)
        links = b'<link rel="stylesheet" href="/bar.css"><script defer src="/bar.js"></script>'
        inserted = (document[: head.start()], links, document[head.start() : body.end()], bar)
        return b"".join((*inserted, document[body.end() :]))


def render_refusal(message: str, last: int) -> bytes:
    """Return a page that says why there is nothing to show, and links to events that exist."""
    return _TEMPLATES.get_template("refusal.html").render(message=message, last=last).encode()
