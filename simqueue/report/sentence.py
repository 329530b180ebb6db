"""Sentences: an event with its subject, and with its statement if that is known."""

from __future__ import annotations

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.report.log_index import Course
from simqueue.report.words import called

_BY_THE_SERVER = (e.StatementHeld, e.StatementCommitted)


def sentence(course: Course, entry: Entry) -> str:
    """Return a whole sentence: ``the server executes a's heartbeat (statement 41: ...)``."""
    known = course.passage_of(entry) is not None
    server = known and isinstance(entry.event, _BY_THE_SERVER)
    return f"{called('server' if server else entry.worker)} {course.plain(course.clause(entry))}"
