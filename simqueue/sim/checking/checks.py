"""Checks: predicates of a scenario, called after every state transition."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from simqueue.check import INVARIANTS, Broken, View
from simqueue.errors import UsageError
from simqueue.model import events as e
from simqueue.model.events import Entry
from simqueue.model.ids import MICROSECONDS, Duration, EntryNumber, Instant
from simqueue.sim.kernel.core import Core
from simqueue.sim.kernel.handles import Timer
from simqueue.sim.text.failing import fail_by
from simqueue.sim.text.masking import Tidier

Predicate = Callable[[], bool]
AfterCommit = Callable[[Callable[[], None]], AbstractContextManager[None]]
"""A context manager during which a function is called after each commit."""


class Condemn(Protocol):
    """Records a violation, and ends the run unless the violation is accepted."""

    def __call__(self, name: str, broken: Broken, worker: str, cause: EntryNumber | None) -> None:
        """Record ``broken``, which says how the invariant or check ``name`` does not hold."""


ASKED_AFTER = (
    e.HandlerStarted,
    e.HandlerFinished,
    e.HandlerRaised,
    e.WorkerStarted,
    e.WorkerReady,
    e.WorkerStopping,
    e.WorkerExited,
    e.WorkerCrashed,
    e.WorkerPaused,
    e.WorkerResumed,
)
"""The events that are state transitions beside the commits of statements."""

_US = timedelta(microseconds=1)


@dataclass(slots=True, eq=False)
class _Claim:
    """A check of the scenario; ``reason`` is the message of the assertion that failed last."""

    name: str
    predicate: Predicate
    reason: str = field(default="", init=False)

    def holds(self) -> bool:
        """Call the predicate; a failed assertion counts as False.

        Raises:
            UsageError: the predicate returns something other than True or False.
        """
        self.reason = ""
        try:
            value: object = self.predicate()
        except AssertionError as error:
            self.reason = Tidier()(str(error))
            return False
        if isinstance(value, bool):
            return value
        if inspect.iscoroutine(value):
            value.close()  # otherwise it warns that it was never awaited
            what = "is async: pass a plain function, which reads state without awaiting"
        else:
            what = f"returned a {type(value).__name__}: let it return True or False"
        raise UsageError(f"the predicate of check {self.name!r} {what}")

    def broken(self, what: str) -> Broken:
        """Return the message about the check."""
        return Broken(f"{self.name!r} {what}{f': {self.reason}' if self.reason else ''}")


@dataclass(slots=True, eq=False)
class _Promise(_Claim):
    """A check that has to hold once ``within`` a time from when it was ``made`` and faults end."""

    made: Instant
    within: Duration
    timer: Timer | None = field(default=None, init=False)

    def due(self, calm_since: Instant | None) -> Instant | None:
        """Return the instant by which it must have held; None while faults may occur."""
        return None if calm_since is None else Instant(max(self.made, calm_since) + self.within)

    def missed(self) -> Broken:
        """Return the message that it is overdue."""
        seconds, made = self.within / MICROSECONDS, self.made / MICROSECONDS
        return self.broken(f"did not come true within {seconds:g} s (asked for at +{made:.6f}s)")


class Checks:
    """The checks of one run.

    ``wanted`` are the names that ``sometimes`` was called with, reached or not.
    """

    def __init__(self, core: Core, after_commit: AfterCommit, view: View, condemn: Condemn) -> None:
        self._core, self._after_commit = core, after_commit
        self._view, self._condemn = view, condemn
        self._names = {invariant.name for invariant in INVARIANTS}
        self._claims: dict[str, _Claim] = {}
        self._promises: dict[str, _Promise] = {}
        self._reached: set[str] = set()
        self._watching = self._asking = False
        self._commits = ExitStack()
        self.wanted: set[str] = set()

    # --- called by the scenario ---

    def always(self, name: str, predicate: Predicate) -> None:
        """Check ``predicate()`` now and after every state transition."""
        self._take_name(name, predicate)
        claim = _Claim(name, predicate)
        held = claim.holds()
        self._watch()
        self._claims[name] = claim
        if not held:
            self._break(claim, self._core.scheduler.current.worker)

    def eventually(self, name: str, predicate: Predicate, within: timedelta) -> None:
        """Check that ``predicate()`` returns True in time."""
        if not isinstance(within, timedelta) or within < timedelta(0):
            raise UsageError(f"check {name!r}: within is a timedelta of 0 or more, not {within!r}")
        self._take_name(name, predicate)
        scheduler = self._core.scheduler
        promise = _Promise(name, predicate, Instant(scheduler.local_now()), Duration(within // _US))
        held = promise.holds()
        self._watch()
        self._promises[name] = promise
        if held:
            self._keep(promise, scheduler.current.worker)
        else:
            self._set_timer(promise)

    def sometimes(self, name: str, condition: bool) -> None:  # noqa: FBT001  as users call it
        """Note the name of a moment, and that it was reached if ``condition`` holds."""
        if name in self._names:
            raise UsageError(f"the name {name!r} is that of another check; take one of its own")
        if not isinstance(condition, bool):
            what = f"the condition is True or False, not a {type(condition).__name__}"
            raise UsageError(f"sim.sometimes({name!r}): {what}")
        self.wanted.add(name)
        if condition and name not in self._reached:
            self._reached.add(name)
            self._core.say(e.Reached(name))

    def _take_name(self, name: str, predicate: object) -> None:
        if name in self._names or name in self.wanted:
            raise UsageError(
                f"the name {name!r} is taken by an invariant or another check; give each its own"
            )
        if not callable(predicate):
            raise UsageError(f"check {name!r}: the predicate must be callable, not {predicate!r}")
        self._names.add(name)

    # --- when they are called ---

    def _watch(self) -> None:
        """Start calling checks: a run without checks does no work for them."""
        if self._watching:
            return
        self._watching, core = True, self._core
        core.recorder.watch(self._seen, *ASKED_AFTER)
        core.recorder.watch(self._healed, e.Healed)
        self._commits.enter_context(self._after_commit(self.ask))

    def _seen(self, number: int, entry: Entry) -> None:
        self.ask()

    def _healed(self, number: int, entry: Entry) -> None:
        for promise in self._promises.values():
            self._set_timer(promise)

    def ask(self) -> None:
        """Call all open checks; the latest event is the cause of their violations."""
        if self._asking or self._core.failure is not None:
            return
        self._asking = True
        try:
            self._ask(*self._latest())
        finally:
            self._asking = False

    def _latest(self) -> tuple[str, EntryNumber | None]:
        entries = self._core.recorder.entries
        return (entries[-1].worker, EntryNumber(len(entries) - 1)) if entries else ("world", None)

    def _ask(self, worker: str, cause: EntryNumber | None) -> None:
        for claim in list(self._claims.values()):
            if self._holds(claim) is False:
                self._break(claim, worker, cause)
        for promise in list(self._promises.values()):
            if self._holds(promise):
                self._keep(promise, worker, cause)

    def _holds(self, claim: _Claim) -> bool | None:
        """Return whether a check holds; None if the run is over by now."""
        if self._core.failure is not None:
            return None
        try:
            return claim.holds()
        except BaseException as error:
            core = self._core
            interrupted = isinstance(error, KeyboardInterrupt) and core.scheduler.interrupted()
            if interrupted or core.failure is not None:
                raise  # the run is being ended from outside
            fail_by(core, error)
            return None

    # --- results of the checks ---

    def _break(self, claim: _Claim, worker: str, cause: EntryNumber | None = None) -> None:
        del self._claims[claim.name]  # once in a run: if that is accepted, the run goes on
        self._condemn(claim.name, claim.broken("does not hold"), worker, cause)

    def _keep(self, promise: _Promise, worker: str, cause: EntryNumber | None = None) -> None:
        self._drop(promise)
        self._reached.add(promise.name)
        self._core.recorder.append(worker, e.Reached(promise.name), cause)

    def _drop(self, promise: _Promise) -> None:
        del self._promises[promise.name]
        if promise.timer is not None:
            promise.timer.cancel()

    def _set_timer(self, promise: _Promise) -> None:
        """Have a promise checked at its deadline, which is later if faults delay it."""
        scheduler = self._core.scheduler
        due = promise.due(self._view.calm_since)
        if promise.timer is not None:
            promise.timer.cancel()
        if due is not None:
            process = scheduler.processes[0]  # the world's own
            promise.timer = scheduler.post(process, due, self._judge, promise)

    def _judge(self, promise: _Promise) -> None:
        """Call a promise for the last time."""
        held = self._holds(promise)
        if held:
            self._keep(promise, "world")
        elif held is False:
            self._drop(promise)
            self._condemn(promise.name, promise.missed(), "world", None)

    # --- open deadlines, as the panel reports them for invariants ---

    def due(self, now: Instant) -> Instant | None:
        """Return the latest instant by which a promise must have held."""
        calm = self._view.calm_since
        dues = (promise.due(calm) for promise in self._promises.values())
        return max((due for due in dues if due is not None), default=None)

    def unkept(self) -> list[tuple[str, Broken]]:
        """Return the promises that have not held, with their messages."""
        return [(promise.name, promise.missed()) for promise in self._promises.values()]
