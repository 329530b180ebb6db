"""Explanations as text: one of them for a terminal, a list of all, the sections of the guides."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from simqueue.model.explanation import Explanation, Subject

_WIDTH, _GUIDE_WIDTH = 88, 120
_EXCEPTIONS: dict[Subject, str] = {
    "invariant": "No violation",
    "fault": "No violation",
    "strategy": "Limits",
}
"""How the exceptions to a meaning are labelled, if not as what it is not."""
_SECTION = re.compile(r"(<!-- explained: (\w+) -->\n).*?(?=<!-- end -->)", re.DOTALL)


def render_explanation(explanation: Explanation) -> str:
    """Return an explanation: meaning, reason, what is no violation, and advice."""
    parts = [f"{explanation.name} ({explanation.subject})", _wrapped(explanation.meaning)]
    parts += [_wrapped(f"{label}: {text}") for label, text in _labelled(explanation)]
    return "\n\n".join(parts)


def render_index(explanations: Iterable[Explanation]) -> str:
    """Return all names with their meanings, a line each, under their subjects."""
    rows = list(explanations)
    width = max(len(each.name) for each in rows)
    groups = groupby(rows, key=lambda each: each.subject)
    return "\n\n".join("\n".join(_listed(subject, of, width)) for subject, of in groups)


def _listed(subject: str, explanations: Iterable[Explanation], width: int) -> Iterator[str]:
    yield f"{subject}:"
    for each in explanations:
        room = _WIDTH + 12 - width - 4
        yield f"  {each.name:{width}}  {textwrap.shorten(each.meaning, room, placeholder=' ...')}"


def render_guide(explanations: Iterable[Explanation]) -> str:
    """Return the section of a guide that explains these names, as Markdown."""
    return "\n\n".join(part for each in explanations for part in _entry(each))


def render_table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table as Markdown."""
    heading, *lines = [f"| {' | '.join(line)} |" for line in (tuple(headings), *rows)]
    rule = "|---" * (heading.count("|") - 1) + "|"
    return "\n".join([heading, rule, *lines])


def render_meanings(explanations: Iterable[Explanation]) -> str:
    """Return a table of names with their meanings, as Markdown."""
    return render_table(
        ("name", "meaning"), [(f"`{each.name}`", each.meaning) for each in explanations]
    )


def _entry(explanation: Explanation) -> Iterator[str]:
    yield f"### `{explanation.name}`"
    yield _paragraph(explanation.meaning)
    for label, text in _labelled(explanation):
        yield _paragraph(f"**{label}.** {text}")


def filled(page: str, sections: Mapping[str, str]) -> str:
    """Return a page whose marked sections hold the text of their names.

    A section begins with ``<!-- explained: faults -->`` and goes on to ``<!-- end -->``.
    """
    return _SECTION.sub(lambda mark: f"{mark[1]}\n{sections[mark[2]]}\n\n", page)


def _labelled(explanation: Explanation) -> Iterator[tuple[str, str]]:
    yield "Why", explanation.reason
    if explanation.no_violation:
        yield _EXCEPTIONS.get(explanation.subject, "Not this"), explanation.no_violation
    yield "What to do", explanation.advice


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_on_hyphens=False, break_long_words=False)


def _paragraph(text: str) -> str:
    return textwrap.fill(text, _GUIDE_WIDTH, break_on_hyphens=False, break_long_words=False)
