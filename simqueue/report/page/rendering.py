"""Rendering: one HTML document that holds everything it needs, and may fetch nothing."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files

import msgspec

from simqueue.model.trace import Trace
from simqueue.report.log_index import Course
from simqueue.report.page.choosing import choose
from simqueue.report.page.data import Data, tell_whole
from simqueue.report.page.history import Change
from simqueue.report.page.lanes import lay_lanes
from simqueue.report.page.part import tell_part
from simqueue.report.page.shown import Shown
from simqueue.report.page.story import PageStory, page_story
from simqueue.report.printable import UNSEEN, printable
from simqueue.report.units import moment


def render_page(
    trace: Trace,
    changes: Sequence[Change],
    *,
    again: str | None = None,
    limit: int | None = None,
) -> bytes:
    """Return the report of a run; equal traces give equal bytes.

    Args:
        trace: of the run.
        changes: what each of its events changed in the tables, in order.
        again: the command that repeats the run.
        limit: how many events the page has at most, or all of them.
    """
    from jinja2 import Environment, StrictUndefined  # slow to import, and no run needs it
    from markupsafe import Markup

    course = Course(trace.events)
    story = page_story(trace, again, course)
    style, script = _file("page.css"), _file("page.js")
    data, shown = _data(trace, changes, story, course, limit)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.from_string(_file("page.html.jinja")).render(
        trace=trace,
        failure=trace.outcome.failure,
        simulated=moment(trace.outcome.simulated),
        story=story,
        left_out=shown.left_out if shown else 0,
        place=shown.place if shown else _itself,
        again=again,
        style=Markup(style),  # noqa: S704  ours
        style_hash=_hash(style),
        script=Markup(script),  # noqa: S704  ours
        script_hash=_hash(script),
        data=Markup(_in_script(msgspec.json.encode(data).decode())),  # noqa: S704  JSON in which nothing ends the element
    )
    return printable(page).encode("utf-8", "replace")


def _data(
    trace: Trace, changes: Sequence[Change], story: PageStory, course: Course, limit: int | None
) -> tuple[Data, Shown | None]:
    """Return the page's data, and the events that it shows if those are not all."""
    if limit is None or len(trace.events) <= limit:
        return tell_whole(trace, changes, story, course), None
    lanes = lay_lanes(course, changes)
    shown = choose(course, story, lanes, limit)
    return tell_part(trace, changes, story, course=course, lanes=lanes, shown=shown), shown


def _itself(number: int) -> int:
    return number


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _in_script(document: str) -> str:
    """Return JSON as it may stand in a script element: no tag can begin in it."""
    # Escapes that are still escapes when the JSON around them is read; it has no bare line ends.
    document = UNSEEN.sub(lambda character: printable(character[0]).replace("\\", "\\\\"), document)
    return document.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()
