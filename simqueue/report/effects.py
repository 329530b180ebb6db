"""Effects: the changes of a statement, in a few words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.report.units import moment
from simqueue.report.words import words

_SHOWN = 2
_NUMBERS_SHOWN = 5
_BY_THE_WAY = (e.TableChanged, e.IdsBurned, e.NotificationSent)

_PLURALS: dict[type, str] = {
    e.JobEnqueued: "enqueues jobs",
    e.JobPicked: "picks jobs",
    e.JobLogged: "logs jobs",
    e.JobDeleted: "clears jobs",
    e.JobRequeued: "re-queues held jobs",
}


def render_effects(changes: Sequence[Entry]) -> str:
    """Return the changes of a statement's entries; jobs with the same change share a phrase."""
    telling = [entry for entry in changes if not isinstance(entry.event, _BY_THE_WAY)]
    texts: list[str] = []
    for _, group in groupby(telling, key=_sort):
        texts += _together(list(group))
    return few(texts)


def _sort(entry: Entry) -> tuple[str, object]:
    """Return a key that is the same for entries that share a phrase."""
    event = entry.event
    match event:  # partial: most events do not matter here
        case e.JobPicked(_, _, _, _, stale):
            return "JobPicked", stale
        case e.JobEnqueued():
            return "JobEnqueued", _due(entry)
        case e.JobLogged(_, status):
            return "JobLogged", status
        case _:
            return type(event).__name__, None


def _together(entries: Sequence[Entry]) -> list[str]:
    first = entries[0].event
    plural = _PLURALS.get(type(first))
    if len(entries) == 1 or plural is None or getattr(first, "stale", False):
        return list(map(_alone, entries))
    numbers = [str(getattr(entry.event, "job_id", "")) for entry in entries]
    tail = f" {first.status}" if isinstance(first, e.JobLogged) else _due(entries[0])
    return [f"{plural} {few(numbers, _NUMBERS_SHOWN)}{tail}"]


def _alone(entry: Entry) -> str:
    event = entry.event
    if isinstance(event, e.JobEnqueued):
        return f"enqueues job {event.job_id} ({event.entrypoint}){_due(entry)}"
    return words(event)


def _due(entry: Entry) -> str:
    event = entry.event
    if not isinstance(event, e.JobEnqueued) or event.execute_after <= entry.now:
        return ""
    return f", due at {moment(event.execute_after)}"


def few(texts: Sequence[str], shown: int = _SHOWN) -> str:
    """Return the first of several things, and how many more there are."""
    left = len(texts) - shown
    return listed([*texts[:shown], *([f"{left} more"] if left > 0 else [])])


def listed(texts: Sequence[str]) -> str:
    """Return ``one, two and three``."""
    return " and ".join(filter(None, (", ".join(texts[:-1]), *texts[-1:])))
