"""cancel-is-heard: a handler whose job is cancelled finds its cancel scope cancelled."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from simqueue.check.invariant import Broken, Invariant
from simqueue.check.owed import latency, moment
from simqueue.check.view import View, WorkerView
from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.explanation import Explanation
from simqueue.model.ids import EntryNumber, Instant, JobId


class _Payload(msgspec.Struct, frozen=True):
    """A notification that asks workers to cancel jobs, as PgQueuer spells it."""

    type: Literal["cancellation_event"]
    ids: list[JobId]


_DECODER = msgspec.json.Decoder(_Payload)

_Call = tuple[JobId, WorkerView]
"""A worker that should cancel a job."""


class _Notice(msgspec.Struct, frozen=True):
    """When a worker heard of a cancellation, and whether the handler ran by then."""

    at: Instant
    dispatched: bool


class _Ear(msgspec.Struct, frozen=True):
    """A connection that listens to a channel, or did before it broke."""

    connection: str
    channel: str
    broken: bool = False


class CancelIsHeard(Invariant):
    """Follows which workers hear of a cancellation, and judges the ends of their handlers.

    A handler that begins later counts, too, if its worker had claimed the job before the
    notification was sent (``before-dispatch``).
    """

    name: ClassVar[str] = "cancel-is-heard"
    explanation: ClassVar[Explanation] = Explanation(
        name=name,
        subject="invariant",
        meaning=(
            "A handler whose job is cancelled while a worker has it finds its cancel scope "
            "cancelled, once the notification has reached the worker."
        ),
        reason="An operator who cancels a job expects its handler to stop.",
        no_violation=(
            "A notification that was dropped with its connection, or that came after the handler's "
            "end or before the claim. A worker that was killed, was held up at that moment so that "
            "the order is not known, or runs the job twice."
        ),
        advice=(
            "`before-dispatch` means that the worker had claimed the job and not yet started it. "
            "Let a handler ask for its job's status before work that cannot be undone."
        ),
    )
    sees: ClassVar[tuple[type, ...]] = (
        e.JobPicked, e.JobRetried, e.HandlerStarted, e.HandlerFinished, e.HandlerRaised,
        e.NotificationSent, e.NotificationDelivered, e.Listening, e.ConnectionLost,
    )  # fmt: skip

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._claims: dict[JobId, WorkerView] = {}
        """The worker that has claimed a job and not started its handler."""
        self._ears: dict[WorkerView, _Ear] = {}
        """The connection that a worker's manager listens with: the first after it was ready.

        If it breaks, it is the next one that listens to the same channel.
        """
        self._calls: dict[EntryNumber, list[_Call]] = {}
        self._notices: dict[JobId, dict[WorkerView, _Notice]] = {}
        self._order_unknown = 2 * latency(view.config)

    def see(self, entry: Entry) -> Broken | None:
        """Note which workers a cancellation is for; judge a handler at its end."""
        match entry.event:  # partial: only the events that it sees
            case e.JobPicked(job_id) | e.JobRetried(job_id):
                self._claimed(job_id, entry)
            case e.HandlerStarted(job_id=int(job)):
                if self._claims.get(JobId(job)) is self.view.workers.get(entry.worker):
                    self._claims.pop(JobId(job), None)
            case e.HandlerFinished(job_id=int(job), cancelled=cancelled):
                return self._ended(JobId(job), entry, cancelled=cancelled)
            case e.HandlerRaised(job_id=int(job), cancelled=cancelled):
                return self._ended(JobId(job), entry, cancelled=cancelled)
            case e.NotificationSent(payload=payload):
                self._sent(payload)
            case e.NotificationDelivered(connection, sent):
                self._delivered(connection, sent, entry)
            case e.Listening(connection, channel, on=True):
                self._listens(entry.worker, _Ear(connection, channel))
            case e.ConnectionLost(connection):
                self._loses(entry.worker, connection)
        return None

    def _listens(self, name: str, ear: _Ear) -> None:
        worker = self.view.workers.get(name)
        if worker is None or worker.ready is None:
            return
        before = self._ears.setdefault(worker, ear)
        if before.broken and before.channel == ear.channel:
            self._ears[worker] = ear

    def _loses(self, name: str, connection: str) -> None:
        worker = self.view.workers.get(name)
        ear = None if worker is None else self._ears.get(worker)
        if worker is not None and ear is not None and ear.connection == connection:
            self._ears[worker] = _Ear(connection, ear.channel, broken=True)

    def _claimed(self, job: JobId, entry: Entry) -> None:
        """Start over with a job that is picked, or was put back."""
        self._notices.pop(job, None)
        worker = self.view.workers.get(entry.worker)
        if worker is not None and isinstance(entry.event, e.JobPicked):
            self._claims[job] = worker
        else:
            self._claims.pop(job, None)

    def _sent(self, payload: str) -> None:
        """Note which workers have the jobs that are to be cancelled."""
        if '"cancellation_event"' not in payload:
            return
        try:
            jobs = dict.fromkeys(_DECODER.decode(payload).ids)
        except msgspec.MsgspecError:
            return
        calls: list[_Call] = []
        for job in jobs:
            workers = [run.worker for run in self.view.running.get(job, ())]
            if job in self._claims:
                workers.append(self._claims[job])
            calls += [(job, worker) for worker in dict.fromkeys(workers)]
        if calls:
            self._calls[self.view.number] = calls

    def _delivered(self, connection: str, sent: EntryNumber, entry: Entry) -> None:
        calls = self._calls.get(sent)
        worker = self.view.workers.get(entry.worker)
        if calls is None or worker is None:
            return
        ear = self._ears.get(worker)
        if ear is not None and ear.connection != connection:
            return
        if any(end > entry.at - self._order_unknown for _, end in worker.stalls):
            return
        for job, called in calls:
            runs = sum(run.worker is worker for run in self.view.running.get(job, ()))
            claimed = self._claims.get(job) is worker
            if called is worker and runs + claimed == 1:
                notices = self._notices.setdefault(job, {})
                notices.setdefault(worker, _Notice(entry.at, dispatched=not claimed))

    def _ended(self, job: JobId, entry: Entry, *, cancelled: bool) -> Broken | None:
        worker = self.view.workers.get(entry.worker)
        if worker is None:
            return None
        notice = self._notices.get(job, {}).pop(worker, None)
        if notice is None or cancelled:
            return None
        if notice.dispatched:
            return Broken(
                f"the handler of job {job} on {worker} ended without having been cancelled, "
                f"although the worker was told to cancel it at {moment(notice.at)}",
                jobs=(job,),
            )
        return Broken(
            f"the handler of job {job} on {worker} began after the worker was told at "
            f"{moment(notice.at)} to cancel the job, which it had claimed, and was never cancelled",
            "before-dispatch",
            jobs=(job,),
        )
