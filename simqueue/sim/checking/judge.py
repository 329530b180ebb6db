"""The judge: checks a run against the invariants and its scenario's checks, also at its end."""

from __future__ import annotations

from collections.abc import Callable

from simqueue.check import INVARIANTS, Broken, Panel, View
from simqueue.model.events import Entry, InvariantBroken
from simqueue.model.failure import Failure
from simqueue.model.ids import EntryNumber, Instant
from simqueue.sim.checking.checks import Checks
from simqueue.sim.database.server import Server
from simqueue.sim.kernel.core import Core
from simqueue.sim.kernel.process import Process

_EXPECTED = {invariant.name: invariant.explanation.meaning for invariant in INVARIANTS}
_BETWEEN_LOOKS_US = 1_000_000
_COMEBACK_US = 30_000_000


class Judge:
    """Fails a run at a violation that is not in ``Config.accepted``.

    ``process``     checks, once the scenario has ended, whether what is due has happened
    ``heal``        ends all faults
    ``checks``      the scenario's own checks
    ``concluding``  whether the scenario has ended, so that the run ends when nothing is due
    """

    def __init__(
        self, core: Core, server: Server, process: Process, heal: Callable[[], None]
    ) -> None:
        self._core, self._tables, self._process, self._heal = core, server.tables, process, heal
        self._panel = Panel(server.tables, core.config)
        self._late: set[str] = set()
        self._last_call: Instant | None = None
        self.checks = Checks(core, server.after_commit, self._panel.view, self.condemn)
        self.concluding = False
        core.recorder.watch(self._see, *self._panel.sees)

    @property
    def view(self) -> View:
        """The state of the world as the invariants see it."""
        return self._panel.view

    def _see(self, number: int, entry: Entry) -> None:
        for invariant, broken in self._panel.see(entry, EntryNumber(number)):
            self.condemn(invariant.name, broken, entry.worker, EntryNumber(number))

    def condemn(self, name: str, broken: Broken, worker: str, cause: EntryNumber | None) -> None:
        """Record a violation; fail the run, unless the violation is accepted."""
        if self._core.failure is not None:
            return
        verdict = InvariantBroken(
            name, broken.message, broken.variant, broken.jobs, broken.schedules
        )
        signature = verdict.signature
        if signature not in self._core.config.accepted:
            expected = _EXPECTED.get(name, "")
            self._core.fail(
                Failure("invariant", broken.message, name, signature, expected=expected)
            )
        self._core.recorder.append(worker, verdict, cause)

    def overdue(self) -> bool:
        """Fail the run if something that was due has not happened; return whether it has failed."""
        for invariant, broken in self._panel.overdue(Instant(self._core.scheduler.now)):
            known = f"{invariant.name}:{broken.variant}"
            if known not in self._late:  # an accepted failure is recorded once
                self._late.add(known)
                self.condemn(invariant.name, broken, "world", None)
        return self._core.failure is not None

    def give_up(self) -> bool:
        """As ``overdue``, at the run's limit: promises that have not held by then have failed."""
        if not self.overdue() and (self.concluding or self.view.calm_since is not None):
            for name, broken in self.checks.unkept():
                self.condemn(name, broken, "world", None)
        return self._core.failure is not None

    def conclude(self) -> None:
        """End all faults, wait for open deadlines, check them, and end the run."""
        self.concluding = True
        self._heal()
        self._wind_up()

    def _wind_up(self) -> None:
        core = self._core
        now = Instant(core.scheduler.now)
        if self.view.calm_since is not None:
            if self.overdue():
                return
            dues = [each for each in (self._panel.due(now), self.checks.due(now)) if each]
            if self._last_call is None and dues:
                # Once: otherwise something might be due for ever.
                self._last_call = max(dues)
            if (not dues or now >= (self._last_call or now)) and not self._recovers(now):
                core.stop()
                return
        core.scheduler.post(self._process, now + _BETWEEN_LOOKS_US, self._wind_up)

    def _recovers(self, now: Instant) -> bool:
        """Return whether the workers still need time for jobs that are left after faults.

        That is the time they take to start, and to find the jobs of workers that were killed.
        """
        view, jobs = self.view, self._tables.jobs
        if not (view.calm_since and (jobs.count("queued") or jobs.count("picked"))):
            return False
        timeouts = (each.heartbeat_timeout + each.dequeue_timeout for each in view.workers.values())
        until = view.calm_since + max(timeouts, default=0) + view.patience + _COMEBACK_US
        return now < until
