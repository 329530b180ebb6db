"""Rendering: one HTML document that holds everything it needs, and may fetch nothing."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files

import msgspec

from simqueue.model.trace import Trace
from simqueue.report.page.data import tell_data
from simqueue.report.page.history import Change
from simqueue.report.page.story import tell_story
from simqueue.report.words import UNSEEN, moment, printable


def render_page(trace: Trace, changes: Sequence[Change], *, again: str | None = None) -> bytes:
    """Return the report of a run; equal traces give equal bytes.

    Args:
        trace: of the run.
        changes: what each of its events changed in the tables, in order.
        again: the command that makes the run happen once more.
    """
    from jinja2 import Environment, StrictUndefined  # slow to import, and no run needs it
    from markupsafe import Markup

    told = tell_story(trace, again)
    style, script = _file("page.css"), _file("page.js")
    data = msgspec.json.encode(tell_data(trace, changes, told)).decode()
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.from_string(_file("page.html.jinja")).render(
        trace=trace,
        failure=trace.outcome.failure,
        simulated=moment(trace.outcome.simulated),
        told=told,
        again=again,
        style=Markup(style),  # noqa: S704  ours
        style_hash=_hash(style),
        script=Markup(script),  # noqa: S704  ours
        script_hash=_hash(script),
        data=Markup(_in_script(data)),  # noqa: S704  JSON in which nothing ends the element
    )
    return printable(page).encode("utf-8", "replace")


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _in_script(document: str) -> str:
    """Return JSON as it may stand in a script element: no tag can begin in it."""
    # Escapes that are still escapes when the JSON around them is read; it has no bare line ends.
    document = UNSEEN.sub(lambda found: printable(found[0]).replace("\\", "\\\\"), document)
    return document.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()
