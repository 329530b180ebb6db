"""The world of one run: who there is, and how they reach each other."""

from __future__ import annotations

import asyncio
import gc
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pgqueuer.domain.errors import FailingListenerError

from simqueue.adapter.connection import AMBIENT
from simqueue.adapter.installed import names_in_force, semantics_in_force
from simqueue.adapter.naming import NAMING
from simqueue.choices import Choices
from simqueue.errors import RefusedError, is_by_fault
from simqueue.model.choice import key_of
from simqueue.model.config import Config
from simqueue.model.delays import ladder
from simqueue.model.events import (
    AnyEvent,
    ConnectionRefused,
    Entry,
    ErrorIgnored,
    JobPicked,
    LoopBlocked,
)
from simqueue.model.failure import Failure
from simqueue.model.ids import Duration, EntryNumber
from simqueue.sim.causes import CAUSE
from simqueue.sim.connection import SimulatedConnection
from simqueue.sim.errand import Network
from simqueue.sim.failing import Hang, failure_of
from simqueue.sim.faults import Injector
from simqueue.sim.finalizers import running_locals, withhold_all
from simqueue.sim.handles import Handle
from simqueue.sim.judge import Judge
from simqueue.sim.loop import SimulatedLoop
from simqueue.sim.observers import Picks, described, on_unhandled
from simqueue.sim.process import Process
from simqueue.sim.recorder import Recorder
from simqueue.sim.recursion import Depth
from simqueue.sim.refusing import refusal
from simqueue.sim.scheduler import Scheduler
from simqueue.sim.server import Server
from simqueue.sim.statement_faults import by_fault
from simqueue.sim.tasks import failed_unseen
from simqueue.sim.waits import POLLING

if TYPE_CHECKING:
    from simqueue.sim.worker import Worker

_US = timedelta(microseconds=1)
_POLLS_MAX = 20
"""So often may a function in a thread sleep and read a clock, as polling with a deadline does."""
_REFUSALS_MAX = 100
"""So many calls of one step are refused before it is ended."""
_RESTART_DELAY_US = 1_000_000
_READINGS_FREE = 10_000
_READING_US = 10
_STANDSTILL_US = 10 * _READING_US
_AGES_US = 10**18
"""Some 30,000 years, and the longest a process can be blocked: a trace holds 64 bits."""
_SLEEPS_MAX = 100_000


@dataclass(eq=False)
class World:
    """Everything alive in one run. Built for it, taken down after it."""

    config: Config
    choices: Choices
    failure: Failure | None = None
    culprit: BaseException | None = None
    """The error that the failure tells of, if it is one."""
    refusal: RefusedError | None = None
    """The first refusal that was raised; the run ends with it, whatever became of the error."""
    held_allowed: bool = False
    """Whether the scenario said that jobs may be held in the end."""
    disturbed: bool = False
    """Whether the scenario has held up a worker or broken a connection, as a fault does."""
    aborted: BaseException | None = None
    attended: bool = False
    """Whether a person is at a debugger's prompt."""
    interruptible: bool = False
    """Whether the user's code runs, and not what must not be cut short."""
    depth: Depth = field(default_factory=Depth)
    workers: dict[str, Worker] = field(default_factory=dict)
    picks: Picks = field(default_factory=dict)

    _refusals: int = 0

    def __post_init__(self) -> None:
        config = self.config
        self.epoch_us = config.epoch_us
        self._read_at = self._readings = 0
        self.scheduler = Scheduler(
            self.choices,
            limit_us=config.limit_us,
            lag_max_us=config.lag_max // _US,
            steps_per_instant_max=config.steps_per_instant_max,
            collect=gc.collect,
            on_error=self._callback_raised,
            on_exit=self._exited,
        )
        self.recorder = Recorder(self.scheduler)
        self.recorder.watch(self._remember, JobPicked)
        self.choices.clock, self.choices.log = self.scheduler, self.recorder.entries
        self.loop = SimulatedLoop(self.scheduler, self.choices, thread_us_max=config.hop_max // _US)
        self.loop.on_unhandled = on_unhandled(self.recorder)
        self.loop.on_refused = self.refused
        self.loop.on_reading = self._spend_reading
        self._unseen: dict[int, int] = {}
        """For how many sweeps each failed task has had an error that nobody looked at."""
        self.scheduler.on_sweep = self._sweep
        names = names_in_force(self.epoch_us)
        self.server = Server(self.scheduler, self.recorder, names, semantics_in_force())
        self.judge = Judge(self)
        self.injector = Injector(self)
        self.network = Network(
            self.choices,
            config.hop // _US,
            delays=ladder(config.hop_max // _US),
            commit_delays=ladder(config.commit_max // _US),
            injector=self.injector,
        )
        self.supervisor = self.scheduler.spawn("supervisor")

    # --- who there is ---

    def spawn(self, name: str, connect: Callable[[], SimulatedConnection]) -> Process:
        """Add a process in which a driver made without a connection opens one with ``connect``."""
        process = self.scheduler.spawn(name)
        process.context.run(AMBIENT.set, connect)
        process.context.run(NAMING.set, self.server.naming)
        return process

    def connect(self, name: str, process: Process, *, spared: bool = False) -> SimulatedConnection:
        """Open a session of the server for a process; no fault touches one that is ``spared``.

        Raises:
            PostgresError: the server lets nobody in, or not this one.
        """
        if not spared:
            self._check_welcome(name, process)
        return SimulatedConnection(
            name, self.server, self.network, process, self.loop, spared=spared
        )

    def _check_welcome(self, name: str, process: Process) -> None:
        error = self.injector.refusal(name, process.worker)
        if self.scheduler.now < self.server.down_until:
            error = by_fault("57P03", "the database system is starting up")
        if error is not None:
            error.occasion = "connecting"
            self.recorder.append(process.worker, ConnectionRefused(name, error.sqlstate))
            raise error

    def end(self, process: Process) -> None:
        """Stop a process between two steps, keeping what it left until the world is taken down."""
        for task in self.loop.unfinished():
            if getattr(task, "home", None) is process:
                silence(task)
                process.remains.append(task)
        self.scheduler.kill(process)
        for connection in list(self.server.connections):
            connection.left_by(process)

    def kill(self, process: Process) -> None:
        """Stop a process between two steps, and let no ``finally`` of it run, then or later."""
        process.killed = True
        self.end(process)
        living = [task for task in self.loop.unfinished() if getattr(task, "home", process).alive]
        withhold_all(
            [*process.remains, *(each for lane in process.lanes for each in lane.remains)],
            [*running_locals(), *living],
            belongs=lambda task: getattr(task, "home", None) is process,
        )

    def _sweep(self) -> None:
        """Write down the errors of tasks that nobody has looked at since the last time.

        And once more after two, four, eight sweeps and so on, as long as nobody does.
        """
        unseen = {hash(task): task for task in failed_unseen(self.loop)}
        self._unseen = {number: self._unseen.get(number, -1) + 1 for number in unseen}
        for number, task in unseen.items():
            age, home = self._unseen[number], getattr(task, "home", None)
            if age.bit_count() == 1 and home is not None and home.alive:
                self.recorder.append(home.worker, ErrorIgnored(task.get_name(), _ended_with(task)))

    def restart_delay(self, name: str) -> int:
        """Pick how many microseconds a supervisor takes to start a process again."""
        delays = self.network.delays
        rung = self.choices.stream(key_of(name, "restart")).deviate(len(delays))
        return _RESTART_DELAY_US + 10 * delays[rung]

    def excuses(self, error: BaseException) -> bool:
        """Return whether a fault explains that a worker ended with an error."""
        if isinstance(error, BaseExceptionGroup):
            return all(map(self.excuses, error.exceptions))
        if isinstance(error, FailingListenerError):
            return self.injector.struck or self.disturbed
        return is_by_fault(error)

    # --- how it can end ---

    def fail(self, failure: Failure) -> None:
        """End the run with a failure; the first one counts."""
        if self.failure is None:
            self.failure = failure
        self.scheduler.stopped = True

    def fail_by(self, error: BaseException) -> None:
        """End the run with the failure that an error is."""
        if self.failure is None:
            self.culprit = error
        self.fail(failure_of(error))

    def abort(self, error: BaseException) -> None:
        """End the run after the step that runs now, without a verdict; ``run`` raises ``error``."""
        self.aborted = self.aborted or error
        self.scheduler.stopped = True

    def stop(self) -> None:
        """End the run after the step that runs now, without a verdict."""
        self.scheduler.stopped = True

    def _remember(self, number: int, entry: Entry) -> None:
        if isinstance(entry.event, JobPicked):
            self.picks[entry.event.job_id] = EntryNumber(number)

    def refused(self, error: RefusedError) -> None:
        """End the run with a refusal, whatever the code that met it does with the error.

        What that code does next, it would not do on a real system: neither a pass nor any other
        failure of the run would mean anything.
        """
        if self.refusal is None and not self.scheduler.stopped:
            self.refusal = error
            self.scheduler.stopped = True
        self._refusals += 1
        if self.refusal is not None and self._refusals > _REFUSALS_MAX:
            raise Hang  # the step tries again and again, and would do so for ever

    def settle_refusal(self) -> None:
        """Make a refusal the run's failure; its traceback is complete when the run has ended."""
        if self.refusal is not None:
            self.failure, self.culprit = failure_of(self.refusal), self.refusal

    def _exited(self, process: Process, error: BaseException) -> None:
        """End a worker whose code called ``sys.exit`` or raised ``KeyboardInterrupt``.

        Elsewhere that ends the run.
        """
        for worker in self.workers.values():
            if worker.process is process:
                worker.ended_by(process, error)
                return
        raise error

    def _callback_raised(self, handle: Handle, error: BaseException) -> None:
        callback: Any = handle._callback  # noqa: SLF001  as asyncio's own handles tell it
        name = getattr(callback, "__qualname__", type(callback).__name__)
        message = f"Exception in callback {name.replace('.<locals>', '')}"
        self.loop.call_exception_handler({"message": message, "exception": error, "handle": handle})

    # --- what the patches ask ---

    def now_us(self) -> int:
        """Return virtual microseconds as the running process sees them."""
        self._spend_reading()
        return self.scheduler.local_now()

    def wall_ns(self) -> int:
        """Return Unix nanoseconds as the running process's wall clock shows them."""
        self._spend_reading()
        current = self.scheduler.current
        skew = (current.owner or current).skew
        return (self.epoch_us + self.scheduler.local_now() + skew) * 1_000

    def _spend_reading(self) -> None:
        """Let time pass for who reads clocks over and over, waiting for one to move on."""
        scheduler = self.scheduler
        if scheduler.now != self._read_at:
            if scheduler.now - self._read_at > _STANDSTILL_US:
                self._readings = 0
            self._read_at = scheduler.now
        self._readings += 1
        if self._readings > _READINGS_FREE:
            scheduler.current.floor = scheduler.local_now() + _READING_US

    def sleep(self, seconds: float) -> None:
        """Block the running process's loop: its own time goes on at once, the world's does not."""
        # Rounded up: who sleeps for what is left of a microsecond must not do so for ever.
        self.block(Duration(max(0, math.ceil(round(seconds * 1_000_000, 3)))))

    def block(self, duration: Duration) -> None:
        """Let the own time of the running process or thread go on at once, and nothing else of it.

        The event's cause is the start of the handler that blocks, if one does.

        Raises:
            RefusedError: a thread polls, it seems, for something that only other steps can change.
        """
        scheduler = self.scheduler
        if self.attended:
            return
        thread = self.in_thread()
        if thread:
            self._check_sleeps()
        self.recorder.say(LoopBlocked(duration, thread), CAUSE.get())
        scheduler.current.floor = min(scheduler.local_now() + duration, _AGES_US)

    def _check_sleeps(self) -> None:
        """Refuse the sleep of a thread that would never come to an end of them."""
        lane, limit = self.scheduler.current, self.config.limit
        lane.sleeps += 1
        if self.scheduler.local_now() > self.scheduler.limit:
            raise refusal(f"sleeping in a thread beyond the run's limit of {limit}", POLLING)
        if lane.sleeps > _SLEEPS_MAX:
            raise refusal(f"sleeping {_SLEEPS_MAX:,} times in one function of a thread", POLLING)
        lane.polls += self._readings > lane.readings
        lane.readings = self._readings
        if lane.polls > _POLLS_MAX:
            what = f"sleeping and reading a clock {_POLLS_MAX} times in one function of a thread"
            raise refusal(what, POLLING)

    def in_thread(self) -> bool:
        """Return whether a function meant for a thread runs now, and no step of a loop."""
        return self.loop.in_thread()

    def awaits_threads(self) -> bool:
        """Return whether a function of the running process has still to run in a thread."""
        return self.loop.awaits_threads()

    def pid(self) -> int:
        """Return the running process's id."""
        return self.scheduler.current.pid

    def note_reading(self, value: int) -> None:
        """Let a clock reading enter the digest."""
        self.recorder.note_reading(value)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let a person look around: no clock reading, no sleep, no line of a log leaves a mark."""
        before = (self.attended, self._read_at, self._readings)
        floor, current = self.scheduler.current.floor, self.scheduler.current
        self.attended = True
        try:
            with self.recorder.aside():
                yield
        finally:
            self.attended, self._read_at, self._readings = before
            current.floor = floor

    def say(self, event: AnyEvent) -> None:
        """Append an event of the running process."""
        self.recorder.say(event)


def silence(task: asyncio.Task[Any]) -> None:
    """Keep a task that will never finish from complaining about it."""
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001


def _ended_with(task: asyncio.Task[Any]) -> str:
    """Return the error of a task, without looking at it in the task's own eyes."""
    error = getattr(
        task, "_exception", None
    )  # not exception(): that would mark the error as retrieved
    return "" if error is None else described(error)
