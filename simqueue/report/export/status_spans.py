"""Status spans: how long each job and each schedule had each status."""

from __future__ import annotations

from dataclasses import dataclass, field

from simqueue.model import events as e
from simqueue.model.ids import Instant, Status
from simqueue.report.log_index import Numbered, Subject

_STANDING: tuple[Status, ...] = ("queued", "picked", "failed")
"""Statuses of rows that are in their table; with any other a job leaves it."""


@dataclass(slots=True)
class Stay:
    """How long a row had a status."""

    status: Status
    began: Numbered
    end: Instant


@dataclass(slots=True)
class Row:
    """A job or a schedule, from its insertion on.

    ``final`` is the status with which it left its table, None if it is there, or if the table was
    emptied and it is ``gone``.
    """

    subject: Subject
    entrypoint: str
    began: Numbered
    end: Instant
    stays: list[Stay] = field(default_factory=list)
    final: Status | None = None
    gone: bool = False

    @property
    def ending(self) -> str:
        """The last that is known of it."""
        return self.final or ("gone" if self.gone else self.stays[-1].status)


class Stays:
    """The rows of a run as they came; what stands at its ``end`` ends with it."""

    def __init__(self, end: Instant) -> None:
        self._end = end
        self.rows: list[Row] = []
        self.latest: dict[Subject, Row] = {}
        """The last row of each number so far."""
        self.counts: list[tuple[Instant, dict[Status, int]]] = []
        """How many jobs have each status, whenever that has changed."""
        self._count: dict[Status, int] = dict.fromkeys(_STANDING, 0)
        self._standing: dict[Subject, Row] = {}

    def read(self, numbered: Numbered) -> None:
        """Take the next entry of the log."""
        self._read_change(numbered)
        self._read_emptying(numbered)
        self._note(numbered[1].at)

    def _read_change(self, numbered: Numbered) -> None:
        match numbered[1].event:
            case e.JobEnqueued(job_id, entrypoint):
                self._insert(("job", job_id), entrypoint, numbered)
            case e.ScheduleInserted(schedule_id, _, entrypoint):
                self._insert(("schedule", schedule_id), entrypoint, numbered)
            case e.JobPicked(job_id):
                self._change(("job", job_id), "picked", numbered)
            case e.JobRetried(job_id) | e.JobRequeued(job_id):
                self._change(("job", job_id), "queued", numbered)
            case e.JobLogged(job_id, status):
                self._change(("job", job_id), status, numbered)
            case e.JobDeleted(job_id):
                self._change(("job", job_id), "deleted", numbered)
            case e.SchedulePicked(schedule_id):
                self._change(("schedule", schedule_id), "picked", numbered)
            case e.ScheduleReleased(schedule_id):
                self._change(("schedule", schedule_id), "queued", numbered)
            case e.ScheduleDeleted(schedule_id):
                self._change(("schedule", schedule_id), "deleted", numbered)

    def _read_emptying(self, numbered: Numbered) -> None:
        at = numbered[1].at
        match numbered[1].event:
            case e.QueueTruncated():
                self._empty("job", at)
            case e.SchedulesTruncated():
                self._empty("schedule", at)
            case e.DatabaseDropped():
                self._empty("job", at)
                self._empty("schedule", at)
            case e.ServerCrashed(emptied):
                for table, noun in (("queue", "job"), ("schedules", "schedule")):
                    if table in emptied:
                        self._empty(noun, at)

    def _insert(self, subject: Subject, entrypoint: str, numbered: Numbered) -> None:
        row = Row(subject, entrypoint, numbered, self._end)
        row.stays.append(Stay("queued", numbered, self._end))
        self._standing[subject] = self.latest[subject] = row
        self.rows.append(row)
        self._counted(row, +1)

    def _change(self, subject: Subject, status: Status, numbered: Numbered) -> None:
        row = self._standing.get(subject)
        if row is None:
            return  # it was gone: a job that is logged twice
        if status not in _STANDING:
            row.final = status
            self._remove(row, numbered[1].at)
            return
        self._counted(row, -1)
        row.stays[-1].end = numbered[1].at
        row.stays.append(Stay(status, numbered, self._end))
        self._counted(row, +1)

    def _empty(self, noun: str, at: Instant) -> None:
        for row in [each for each in self._standing.values() if each.subject[0] == noun]:
            self._remove(row, at)

    def _remove(self, row: Row, at: Instant) -> None:
        self._counted(row, -1)
        row.end = row.stays[-1].end = at
        row.gone = True
        del self._standing[row.subject]

    def _counted(self, row: Row, by: int) -> None:
        if row.subject[0] == "job":
            self._count[row.stays[-1].status] += by

    def _note(self, at: Instant) -> None:
        if self.counts and self.counts[-1][1] == self._count:
            return
        if self.counts and self.counts[-1][0] == at:
            self.counts.pop()
        self.counts.append((at, self._count.copy()))
