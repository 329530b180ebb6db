"""A book of rows: which jobs and schedules exist while a log is read, and their unique keys.

``store.apply`` relies on these checks: every row that it changes exists. The book holds only the
parts of a row that must be unique, and so costs a tenth of a fold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simqueue.model import events as e

_PICKED, _HELD, _QUEUED = "picked", "held", "queued"


class _Job:
    """The unique keys of a job; ``slot`` is taken while the job is picked."""

    __slots__ = ("entrypoint", "key", "slot", "status")

    def __init__(self, entrypoint: str, key: str | None) -> None:
        self.entrypoint, self.key = entrypoint, key
        self.status = _QUEUED
        self.slot: int | None = None


class RowBook:
    """The rows after the events so far. ``appliers`` raise ``ValueError`` for an impossible one."""

    def __init__(self) -> None:
        self._jobs: dict[int, _Job] = {}
        self._keys: dict[str, int] = {}
        self._seats: dict[tuple[str, int], int] = {}
        self._schedules: dict[int, tuple[str, str]] = {}
        self._names: dict[tuple[str, str], int] = {}
        self.appliers: dict[type, Callable[[Any], None]] = {
            e.JobEnqueued: self._enqueued,
            e.JobReprioritized: self._named,
            e.JobPicked: self._picked,
            e.JobLogged: self._logged,
            e.JobRetried: self._requeued,
            e.JobRequeued: self._requeued,
            e.JobDeleted: self._deleted,
            e.JobsBeat: self._beat,
            e.QueueTruncated: self._queue_emptied,
            e.IdsBurned: self._burned,
            e.ScheduleInserted: self._inserted,
            e.SchedulePicked: self._schedule_named,
            e.ScheduleReleased: self._schedule_named,
            e.SchedulesBeat: self._schedules_beat,
            e.ScheduleDeleted: self._schedule_deleted,
            e.SchedulesTruncated: self._schedules_emptied,
            e.DatabaseDropped: self._dropped,
            e.ServerCrashed: self._crashed,
        }

    # --- jobs ---

    def _job(self, number: int) -> _Job:
        job = self._jobs.get(number)
        if job is None:
            raise ValueError(f"there is no job {number} at that time")
        return job

    def _enqueued(self, event: e.JobEnqueued) -> None:
        number, key = event.job_id, event.dedupe_key
        if number in self._jobs:
            raise ValueError(f"there is a job {number} already")
        if number < 1:
            raise ValueError(f"a job cannot have the number {number}")
        self._jobs[number] = _Job(event.entrypoint, key)
        if key is not None:
            self._take_key(key, number)

    def _named(self, event: e.JobReprioritized) -> None:
        self._job(event.job_id)

    def _picked(self, event: e.JobPicked) -> None:
        number, slot = event.job_id, event.slot
        job = self._job(number)
        self._leave_seat(job)
        job.status, job.slot = _PICKED, slot
        if slot is not None and self._seats.setdefault((job.entrypoint, slot), number) != number:
            raise ValueError(f"slot {slot} of {job.entrypoint[:100]!r} is taken by another job")
        self._relink(number, job)

    def _logged(self, event: e.JobLogged) -> None:
        number = event.job_id
        job = self._jobs.get(number)
        if job is None:
            return  # a job that one batch names twice
        if event.status != "failed":
            self._remove(number, job)
            return
        self._leave_seat(job)
        job.status = _HELD
        self._relink(number, job)

    def _requeued(self, event: e.JobRetried | e.JobRequeued) -> None:
        number = event.job_id
        job = self._job(number)
        self._leave_seat(job)
        job.status = _QUEUED
        self._relink(number, job)

    def _deleted(self, event: e.JobDeleted) -> None:
        number = event.job_id
        self._remove(number, self._job(number))

    def _beat(self, event: e.JobsBeat) -> None:
        for number in event.job_ids:
            self._job(number)

    def _leave_seat(self, job: _Job) -> None:
        if job.status == _PICKED and job.slot is not None:
            self._seats.pop((job.entrypoint, job.slot), None)

    def _remove(self, number: int, job: _Job) -> None:
        self._leave_seat(job)
        del self._jobs[number]
        if job.key is not None and job.status != _HELD:
            self._keys.pop(job.key, None)

    def _relink(self, number: int, job: _Job) -> None:
        key = job.key
        if key is None:
            return
        if job.status != _HELD:
            self._take_key(key, number)
        elif self._keys.get(key) == number:
            del self._keys[key]

    def _take_key(self, key: str, number: int) -> None:
        if self._keys.setdefault(key, number) != number:
            raise ValueError(f"its dedupe key is that of job {self._keys[key]}")

    def _queue_emptied(self, event: e.QueueTruncated | None) -> None:
        self._jobs, self._keys, self._seats = {}, {}, {}

    def _burned(self, event: e.IdsBurned) -> None:
        if event.count < 0:
            raise ValueError("a sequence cannot go back")

    # --- schedules ---

    def _schedule(self, number: int) -> tuple[str, str]:
        names = self._schedules.get(number)
        if names is None:
            raise ValueError(f"there is no schedule {number} at that time")
        return names

    def _inserted(self, event: e.ScheduleInserted) -> None:
        number, names = event.schedule_id, (event.expression, event.entrypoint)
        if number in self._schedules or names in self._names:
            raise ValueError(f"schedule {number} is there already")
        self._schedules[number] = names
        self._names[names] = number

    def _schedule_named(self, event: e.SchedulePicked | e.ScheduleReleased) -> None:
        self._schedule(event.schedule_id)

    def _schedules_beat(self, event: e.SchedulesBeat) -> None:
        for number in event.schedule_ids:
            self._schedule(number)

    def _schedule_deleted(self, event: e.ScheduleDeleted) -> None:
        del self._names[self._schedule(event.schedule_id)]
        del self._schedules[event.schedule_id]

    def _schedules_emptied(self, event: e.SchedulesTruncated | None) -> None:
        self._schedules, self._names = {}, {}

    # --- both ---

    def _dropped(self, event: e.DatabaseDropped) -> None:
        self._queue_emptied(None)
        self._schedules_emptied(None)

    def _crashed(self, event: e.ServerCrashed) -> None:
        if "queue" in event.emptied:
            self._queue_emptied(None)
        if "schedules" in event.emptied:
            self._schedules_emptied(None)
