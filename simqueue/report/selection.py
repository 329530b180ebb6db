"""A selection of the events of a log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import get_args

from simqueue.model.events import AnyEvent, Entry
from simqueue.model.ids import Instant
from simqueue.model.trace import Trace
from simqueue.report.lines import Numbered, concerns, render_line, render_lines
from simqueue.report.managers import Managers

KINDS: tuple[str, ...] = tuple(
    sorted(str(each.__struct_config__.tag) for each in get_args(AnyEvent))
)
"""The names of events in traces: ``job_picked``."""


def kind_of_event(event: AnyEvent) -> str:
    """Return the name of an event in traces: ``job_picked``."""
    return str(event.__struct_config__.tag)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The properties of the selected events; None and no kinds select everything.

    ``kinds`` are names of kinds, or patterns such as ``job_*``. ``since`` and ``until`` are
    instants of virtual time, ``first`` and ``last`` numbers of events; they are asked for, too.
    """

    job: int | None = None
    schedule: int | None = None
    worker: str | None = None
    kinds: tuple[str, ...] = ()
    since: Instant | None = None
    until: Instant | None = None
    first: int | None = None
    last: int | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return self == Selection()

    def of(self, trace: Trace) -> Iterator[Numbered]:
        """Yield the selected entries, with their numbers."""
        return (each for each in enumerate(trace.events) if self._takes(*each))

    def _takes(self, number: int, entry: Entry) -> bool:
        return (
            (self.job is None or concerns(entry.event, job=self.job))
            and (self.schedule is None or concerns(entry.event, schedule=self.schedule))
            and (self.worker is None or entry.worker == self.worker)
            and (not self.kinds or self._is_of_kind(entry.event))
            and (self.since is None or entry.at >= self.since)
            and (self.until is None or entry.at <= self.until)
            and (self.first is None or number >= self.first)
            and (self.last is None or number <= self.last)
        )

    def _is_of_kind(self, event: AnyEvent) -> bool:
        return any(fnmatchcase(kind_of_event(event), wanted) for wanted in self.kinds)


def render_selection(trace: Trace, selection: Selection, *, routine: bool = False) -> str:
    """Return the selected events, a line each, after their number.

    Args:
        trace: of the run.
        selection: what is asked for.
        routine: do not fold heartbeats, reads and messages under way, and show each job by itself.
    """
    chosen = list(selection.of(trace))
    count = f"{len(chosen):,} of {len(trace.events):,} events:"
    unfolded = routine or selection.kinds
    lines = [render_line(*each) for each in chosen] if unfolded else render_lines(chosen)
    return Managers(trace.events).plain("\n".join([count, *lines]) + "\n")
