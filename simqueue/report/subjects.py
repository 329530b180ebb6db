"""Subjects: the jobs and schedules that a text or an event is about."""

from __future__ import annotations

import re

from simqueue.model import events as e
from simqueue.report.course import Subject

_NAMED = re.compile(r"\b(job|schedule)s?:? (\d{1,19})\b")


def subjects_in(text: str) -> list[Subject]:
    """Return the jobs and schedules that a text names, in its order."""
    return list(dict.fromkeys((noun, int(number)) for noun, number in _NAMED.findall(text)))


def subjects_of(event: e.AnyEvent) -> list[Subject]:
    """Return the jobs and schedules that an event is about."""
    found: list[Subject] = []
    for noun in ("job", "schedule"):
        one: int | None = getattr(event, f"{noun}_id", None)
        many: tuple[int, ...] = getattr(event, f"{noun}_ids", ())
        found += [(noun, number) for number in ((one,) if one is not None else many)]
    return found
