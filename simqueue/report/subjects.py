"""Subjects: the jobs and schedules that a text or an event is about."""

from __future__ import annotations

import re
from functools import cache

from simqueue.model import events as e
from simqueue.report.log_index import Subject

_NAMED = re.compile(r"\b(job|schedule)s?:? (\d{1,19})\b")


def subjects_in(text: str) -> list[Subject]:
    """Return the jobs and schedules that a text names, in its order."""
    return list(dict.fromkeys((noun, int(number)) for noun, number in _NAMED.findall(text)))


def subjects_of(event: e.AnyEvent) -> list[Subject]:
    """Return the jobs and schedules that an event is about."""
    subjects: list[Subject] = []
    for noun, field, many in _fields(type(event)):
        value = getattr(event, field)
        if many:
            subjects += [(noun, number) for number in value]
        elif value is not None:
            subjects.append((noun, value))
    return subjects


@cache
def _fields(event: type[e.AnyEvent]) -> tuple[tuple[str, str, bool], ...]:
    """Return the fields that name subjects: the noun, the field, whether it holds several ids."""
    known = [
        (noun, f"{noun}_id{'s' if many else ''}", many)
        for noun in ("job", "schedule")
        for many in (False, True)
    ]
    return tuple(each for each in known if each[1] in event.__struct_fields__)
