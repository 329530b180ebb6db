"""Excuses: reasons for which a live worker may lose the lease of a job it runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import ClassVar, TypeVar

import msgspec

from simqueue.check.owed import latency
from simqueue.check.view import Running, View, WorkerView
from simqueue.model.events import ConnectionLost, ConnectionRefused, Entry, StatementFailed
from simqueue.model.ids import Duration, Instant

Id = TypeVar("Id", bound=int)

_TRANSIENT = ("08", "40", "53", "57")
"""Classes of SQLSTATEs with which a server rejects correct statements."""
_REMEMBERED = 16
_IN_LINE = 3
"""How many statements of its worker a heartbeat may wait for without faults, itself included."""


class Rhythm(msgspec.Struct, frozen=True):
    """How a lease is kept, all of it in microseconds.

    It ends after ``timeout`` without a heartbeat. Undisturbed heartbeats come at least ``slack``
    before that; one that fails is repeated within ``again``.
    """

    timeout: Duration
    slack: Duration
    again: Duration


def rhythm_of_jobs(timeout: Duration) -> Rhythm:
    """Return the rhythm of a worker's jobs.

    A job beats each half of the timeout, and beats are sent each eighth of it, give or take a
    fifth. Releases before 1.5 send them each quarter, which leaves a slack that is too small.
    """
    return Rhythm(timeout, Duration(timeout * 35 // 100), Duration(timeout * 15 // 100))


SCHEDULES = Rhythm(Duration(30_000_000), Duration(29_000_000), Duration(1_000_000))
"""The rhythm of schedules, whose timeout is a literal in the statement that claims them."""


class Leases:
    """The runs of jobs, or of schedules, beside which no other run may begin.

    A run whose lease was lost with an excuse never gets it back: it is not protected from anything
    that happens to its row later, such as the second run putting it back.
    """

    sees: ClassVar[tuple[type, ...]] = (ConnectionLost, ConnectionRefused, StatementFailed)

    def __init__(self, view: View) -> None:
        self._view = view
        self._latency = latency(view.config, _IN_LINE)
        self._failures: dict[str, deque[Instant]] = {}
        self._broken: dict[str, Instant] = {}
        """When a worker last lost a connection."""
        self._forfeited: dict[int, list[Running]] = {}

    def note(self, entry: Entry) -> None:
        """Note that a heartbeat of the worker may have failed."""
        event = entry.event
        if isinstance(event, ConnectionLost):
            self._broken[entry.worker] = entry.at
        if isinstance(event, StatementFailed) and not event.sqlstate.startswith(_TRANSIENT):
            return
        failures = self._failures.setdefault(entry.worker, deque(maxlen=_REMEMBERED))
        failures.append(entry.at)

    def forfeit(self, number: int, runs: Iterable[Running]) -> None:
        """End the leases of these runs, all of one job or one schedule."""
        before = self._forfeited.get(number, ())
        running = [run for run in runs if run not in before]
        self._forfeited[number] = [*before, *running]

    def forfeit_all(self, runs: Mapping[Id, Iterable[Running]]) -> None:
        """End all leases: the rows are gone, and their ids may be used again."""
        for number, each in runs.items():
            self.forfeit(number, each)

    def holds(self, number: int, run: Running) -> bool:
        """Return whether a run still has its lease."""
        return run not in self._forfeited.get(number, ())

    def excuses_silence(
        self, worker: WorkerView, since: Instant, now: Instant, rhythm: Rhythm
    ) -> bool:
        """Return whether a worker, however correct, may have failed to beat in a span.

        It is if its only connection is broken, or broke in the span; or if pauses and blocked
        steps, together with beats that were rejected, took a quarter of the timeout, or what is
        left of the slack in a network as slow as this run's may be. One slow statement is none, nor
        is one rejected: there is room for those.
        """
        if worker.lost is not None:
            return True
        if not worker.pooled and since <= self._broken.get(worker.name, Instant(-1)) <= now:
            return True
        failures = self._failures.get(worker.name, ())
        failed = sum(since <= failure <= now for failure in failures)
        hindered = worker.stalled(since, now) + failed * rhythm.again
        return hindered >= min(rhythm.timeout // 4, rhythm.slack - self._latency)


def absent(worker: WorkerView, now: Instant) -> bool:
    """Return whether a worker has lost its only connection, or cannot run at this moment."""
    return worker.lost is not None or worker.stalled(now - 1, now + 1) > 0
