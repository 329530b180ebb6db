"""The world of one run: its parts, and how they reach each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from pgqueuer.domain.errors import FailingListenerError

from simqueue.adapter.connection import AMBIENT
from simqueue.adapter.installed import names_in_force, semantics_in_force
from simqueue.adapter.naming import NAMING
from simqueue.choices import Choices
from simqueue.errors import is_by_fault
from simqueue.model.choice_key import key_of
from simqueue.model.config import Config
from simqueue.model.delays import ladder
from simqueue.model.events import (
    ConnectionRefused,
    Entry,
    ErrorIgnored,
    JobPicked,
)
from simqueue.model.ids import EntryNumber
from simqueue.sim.applications.observers import Picks, on_unhandled
from simqueue.sim.checking.judge import Judge
from simqueue.sim.database.connection import SimulatedConnection
from simqueue.sim.database.errand import Network
from simqueue.sim.database.server import Server
from simqueue.sim.entropy.finalizers import running_locals, withhold_all
from simqueue.sim.faults.injector import Injector, Victim
from simqueue.sim.faults.statements import by_fault
from simqueue.sim.kernel.core import Core
from simqueue.sim.kernel.handles import Handle
from simqueue.sim.kernel.process import Process
from simqueue.sim.kernel.tasks import failed_unseen
from simqueue.sim.loop.loop import SimulatedLoop
from simqueue.sim.loop.machine import Machine
from simqueue.sim.text.descriptions import described

_US = timedelta(microseconds=1)
_RESTART_DELAY_US = 1_000_000


class HostedProcess(Victim, Protocol):
    """A worker's process, as its world uses it."""

    exit: str | None

    def ended_by(self, process: Process, error: BaseException | None) -> None:
        """End the process, with the error that ended its code, or None."""


@dataclass(eq=False)
class World:
    """All objects of one run: made for it, and taken down after it."""

    config: Config
    choices: Choices
    held_allowed: bool = False
    """Whether the scenario allowed jobs to be held at the end."""
    workers: dict[str, HostedProcess] = field(default_factory=dict)
    picks: Picks = field(default_factory=dict)

    def __post_init__(self) -> None:
        config = self.config
        core = self.core = Core(config, self.choices)
        self.scheduler, self.recorder = core.scheduler, core.recorder
        self.scheduler.on_error, self.scheduler.on_exit = self._callback_raised, self._exited
        self.recorder.watch(self._remember, JobPicked)
        self.loop = SimulatedLoop(self.scheduler, self.choices, thread_us_max=config.hop_max // _US)
        self.loop.on_unhandled = on_unhandled(self.recorder)
        self.machine = Machine(core, self.loop)
        self._unseen: dict[int, int] = {}
        """For how many sweeps the error of each failed task has not been retrieved."""
        self.scheduler.on_sweep = self._sweep
        names = names_in_force(core.epoch_us)
        self.server = Server(self.scheduler, self.recorder, names, semantics_in_force())
        self.injector = Injector(core, self.server, self.workers)
        self.network = Network(
            self.choices,
            config.hop // _US,
            delays=ladder(config.hop_max // _US),
            commit_delays=ladder(config.commit_max // _US),
            mishaps=self.injector,
        )
        self.supervisor = self.scheduler.spawn("supervisor")
        self.judge = Judge(core, self.server, self.supervisor, self.injector.heal)

    # --- processes and connections ---

    def spawn(self, name: str, connect: Callable[[], SimulatedConnection]) -> Process:
        """Add a process in which a driver made without a connection opens one with ``connect``."""
        process = self.scheduler.spawn(name)
        process.context.run(AMBIENT.set, connect)
        process.context.run(NAMING.set, self.server.naming)
        return process

    def connect(self, name: str, process: Process, *, spared: bool = False) -> SimulatedConnection:
        """Open a session of the server for a process; no fault touches one that is ``spared``.

        Raises:
            PostgresError: the server refuses all connections, or this one.
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
        """Stop a process between two steps; keep its remains until the world is taken down."""
        for task in self.loop.unfinished():
            if getattr(task, "home", None) is process:
                silence(task)
                process.remains.append(task)
        self.scheduler.kill(process)
        for connection in list(self.server.connections):
            connection.left_by(process)

    def kill(self, process: Process) -> None:
        """Stop a process between two steps; no ``finally`` of it runs, now or later."""
        process.killed = True
        self.end(process)
        living = [task for task in self.loop.unfinished() if getattr(task, "home", process).alive]
        withhold_all(
            [*process.remains, *(each for lane in process.lanes for each in lane.remains)],
            [*running_locals(), *living],
            belongs=lambda task: getattr(task, "home", None) is process,
        )

    def _sweep(self) -> None:
        """Record failed tasks whose error was not retrieved since the last sweep.

        Each is recorded again after two, four, eight sweeps and so on, while that is so.
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
        rung = self.choices.stream(key_of(name, kind="restart")).deviate(len(delays))
        return _RESTART_DELAY_US + 10 * delays[rung]

    def excuses(self, error: BaseException) -> bool:
        """Return whether a fault explains the error that ended a worker."""
        if isinstance(error, BaseExceptionGroup):
            return all(map(self.excuses, error.exceptions))
        if isinstance(error, FailingListenerError):
            return self.injector.troubled
        return is_by_fault(error)

    # --- how it can end ---

    def _remember(self, number: int, entry: Entry) -> None:
        if isinstance(entry.event, JobPicked):
            self.picks[entry.event.job_id] = EntryNumber(number)

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
        callback: Any = handle._callback  # noqa: SLF001  as asyncio's own handles are named
        name = getattr(callback, "__qualname__", type(callback).__name__)
        message = f"Exception in callback {name.replace('.<locals>', '')}"
        self.loop.call_exception_handler({"message": message, "exception": error, "handle": handle})


def silence(task: asyncio.Task[Any]) -> None:
    """Keep a task that will never finish from warning about that."""
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001


def _ended_with(task: asyncio.Task[Any]) -> str:
    """Return the error of a task without retrieving it."""
    error = getattr(
        task, "_exception", None
    )  # not exception(): that would mark the error as retrieved
    return "" if error is None else described(error)
