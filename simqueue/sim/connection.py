"""A client's connection: statements that take time, one after the other, and notifications."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from simqueue.adapter.connection import connection_lost
from simqueue.choices import Choices, Stream
from simqueue.errors import PostgresError
from simqueue.model.choice import key_of
from simqueue.model.events import (
    ConnectionLost,
    NotificationDelivered,
    NotificationDropped,
    StatementFailed,
    StatementReplied,
    StatementSent,
)
from simqueue.model.ids import EntryNumber, StatementId
from simqueue.sim.faults import Injector
from simqueue.sim.process import Process
from simqueue.sim.server import Request, Server
from simqueue.sim.statement_faults import StatementFaults
from simqueue.store import Statement, Tables

T = TypeVar("T")

CAUSE: ContextVar[EntryNumber | None] = ContextVar("simqueue_cause", default=None)
"""The event that what runs now is a consequence of: the start of the handler it runs in."""


class Network:
    """How long messages take between clients and the server, and statements within it.

    ``injector`` knows what goes wrong on the way.
    """

    __slots__ = ("choices", "commit_delays", "delays", "hop", "injector")

    def __init__(
        self,
        choices: Choices,
        hop_us: int,
        *,
        delays: tuple[int, ...],
        commit_delays: tuple[int, ...],
        injector: Injector,
    ) -> None:
        self.choices, self.hop, self.injector = choices, hop_us, injector
        self.delays, self.commit_delays = delays, commit_delays

    def delay(self, stream: Stream) -> int:
        """Pick how many microseconds one message takes."""
        return self.hop + self.delays[stream.deviate(len(self.delays))]


class Route:
    """The choices about one statement of one task: the way there and back, the commit, faults."""

    __slots__ = ("_commit", "_key", "_network", "faults", "reply", "request")

    def __init__(self, network: Network, key: str, faults: StatementFaults | None) -> None:
        self._network, self._key, self.faults = network, key, faults
        self.request = network.choices.stream(f"{key} request")
        self.reply = network.choices.stream(f"{key} reply")
        self._commit: Stream | None = None

    def commit_delay(self) -> int:
        """Pick how many microseconds after its execution the statement commits."""
        # Opened when it is needed, since most statements only read.
        if self._commit is None:
            self._commit = self._network.choices.stream(f"{self._key} commit")
        delays = self._network.commit_delays
        return delays[self._commit.deviate(len(delays))]


Pending = tuple[StatementId, asyncio.Future[Any]]
"""A statement that was sent and is not answered yet."""

Turn = tuple[asyncio.Future[None], Process]
"""Who waits for the connection, and in which process."""


@dataclass(eq=False, slots=True)
class _Errand:
    """A statement or another request on its way there and back.

    ``befalls`` is what befalls the worker at each moment of it, ``doomed`` that the connection
    breaks after the commit, ``late`` by how many microseconds more it commits late.
    """

    work: Any
    number: StatementId
    sent: EntryNumber
    route: Route
    incarnation: int
    answer: asyncio.Future[Any]
    befalls: dict[str, list[Callable[[], None]]] | None = None
    doomed: bool = False
    late: int = 0

    def commit_delay(self) -> int:
        """Pick how many microseconds after its execution the statement commits."""
        return self.route.commit_delay() + self.late


class SimulatedConnection:
    """One session of the simulated server, as asyncpg's driver uses one: a statement at a time.

    What arrives, replies and notifications alike, arrives in the order it was sent, since one
    TCP stream carries both. One that is ``spared`` survives a crash of the server and every fault.
    """

    def __init__(
        self,
        name: str,
        server: Server,
        network: Network,
        process: Process,
        loop: asyncio.AbstractEventLoop,
        *,
        spared: bool,
    ) -> None:
        self.name, self.process, self.spared, self.recorder = name, process, spared, server.recorder
        self.on_notify: Callable[[str, str], None] = lambda channel, payload: None
        # Not the running loop: to find out which that is asks the operating system each time.
        self._server, self._network, self._loop = server, network, loop
        self.closed = False
        server.connections[self] = None
        self.lost = False
        self._pending: Pending | None = None
        self._busy = False
        self._waiting: deque[Turn] = deque()
        self._granted: Turn | None = None
        self._arrived = 0
        self._in_flight: deque[EntryNumber] = deque()
        self._routes: dict[tuple[str, str], Route] = {}
        self._notify = network.choices.stream(key_of(name, "notify"))
        self._stalls = None
        if not spared:
            self._stalls = network.injector.of_statement(process.worker, key_of(name, "notify"))

    async def run(self, statement: Statement[T]) -> T:
        """Send a statement when the connection is free, and wait for the reply."""
        return await self._exchange(statement.name, statement)

    async def listen(self, channel: str) -> None:
        """Ask for the notifications of ``channel``."""
        await self._exchange("listen", lambda: self._server.listen(self, channel))

    async def ping(self, name: str) -> None:
        """Make a round trip that changes nothing in the database."""
        await self._exchange(name, _nothing)

    async def unlisten(self, channel: str) -> None:
        """Ask for no more notifications of ``channel``."""
        await self._exchange("unlisten", lambda: self._server.unlisten(self, channel))

    async def _exchange(self, name: str, work: Statement[T] | Callable[[], T]) -> T:
        server = self._server
        if server.scheduler.local_now() > server.scheduler.now:
            await asyncio.sleep(0)  # The step blocked its loop: go on when the world is there too.
        if self._busy:
            await self._turn()
        if self.lost or self.closed:
            self._release()
            raise _gone() if self.lost else connection_lost()
        self._busy = True
        number = server.number()
        sent = server.recorder.append(
            self.process.worker, StatementSent(number, self.name, name), CAUSE.get()
        )
        route = self._route(name)
        answer: asyncio.Future[T] = self._loop.create_future()
        self._pending = number, answer
        due = server.scheduler.now + self._network.delay(route.request)
        errand = _Errand(work, number, sent, route, server.incarnation, answer)
        server.scheduler.post(server.process, due, self._arrive, errand)
        return await answer

    async def _turn(self) -> None:
        """Wait for the connection, behind those who came before."""
        turn = self._loop.create_future()
        self._waiting.append((turn, self._server.scheduler.current))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._release()
            raise
        self._granted = None

    def _release(self) -> None:
        """Hand the connection to who has waited longest, so that nobody can step in between."""
        while self._waiting:
            turn, process = self._granted = self._waiting.popleft()
            if not turn.done() and process.alive:
                turn.set_result(None)
                return
        self._busy, self._granted = False, None

    def left_by(self, process: Process) -> None:
        """Give the turn of a process that has ended to whoever is next."""
        if self._granted is not None and self._granted[1] is process:
            self._release()

    def _route(self, name: str) -> Route:
        """Return the choices of this worker, task and statement."""
        task = asyncio.current_task(self._loop)
        asker = "" if task is None else task.get_name().partition("#")[0]
        route = self._routes.get((asker, name))
        if route is None:
            key, worker = key_of(self.name, asker, name), self.process.worker
            faults = None if self.spared else self._network.injector.of_statement(worker, key)
            route = self._routes[asker, name] = Route(self._network, key, faults)
        return route

    def _arrive(self, errand: _Errand) -> None:
        """Take a request that has reached the server, unless the connection broke before."""
        if self.lost or (errand.incarnation != self._server.incarnation and not self.spared):
            return
        faults = errand.route.faults
        if faults is None:
            self._execute(errand)
        else:
            self._befall(errand, faults)

    def _befall(self, errand: _Errand, faults: StatementFaults) -> None:
        """Let befall a statement what was chosen for it, then execute it if it still can be."""
        number, scheduler = errand.number, self._server.scheduler
        errand.befalls = faults.aim(number)
        _strike(errand, "arrival")
        breaks = faults.breaks(number)
        if breaks == "before it arrived":
            self.lose()
            return
        errand.doomed = bool(breaks)
        rejected = faults.rejection(number)
        if rejected is not None:
            self._reject(errand, *rejected)
            return
        late, errand.late = faults.slowness(number, scheduler.now)
        if late:
            scheduler.post(self._server.process, scheduler.now + late, self._execute_late, errand)
        else:
            self._execute(errand)

    def _reject(self, errand: _Errand, error: PostgresError, breaks: bool) -> None:  # noqa: FBT001  of a pair
        """Have a statement fail before it does anything, and the connection break with it."""
        failed = StatementFailed(errand.number, error.sqlstate, error.message)
        self._server.recorder.append(self.process.worker, failed, errand.sent)
        if breaks:
            self.lose(error)
        else:
            self._answer(errand, None, error)

    def _execute_late(self, errand: _Errand) -> None:
        """Execute a request that the server has not been at at once, if it is the same server."""
        if errand.incarnation == self._server.incarnation:
            self._execute(errand)

    def _execute(self, errand: _Errand) -> None:
        """Have the server do the work, and send the reply on its way when it is done.

        The server does so whether or not the client is still there.
        """
        work, answer = errand.work, partial(self._answer, errand)
        if isinstance(work, Statement):
            worker, late = self.process.worker, errand.commit_delay
            self._server.execute(
                Request(work, errand.number, worker, errand.sent, late, answer, self.spared)
            )
        else:
            answer(work(), None)

    def _answer(self, errand: _Errand, result: object, error: PostgresError | None) -> None:
        """Send the reply on its way."""
        if errand.befalls:
            _strike(errand, "commit")
        if self.lost:
            return
        if errand.doomed:
            self.lose()
            return
        self._pending = None
        due = self._next_arrival(errand.route.reply)
        self._server.scheduler.post(self.process, due, self._reply, errand, result, error)

    def _reply(self, errand: _Errand, result: object, error: PostgresError | None) -> None:
        answer = errand.answer
        number = result if type(result) is int else None
        replied = StatementReplied(errand.number, number)
        self._server.recorder.append(self.process.worker, replied, errand.sent)
        # Also when the caller was cancelled meanwhile: only now is the connection free again.
        self._release()
        if errand.befalls:
            _strike(errand, "reply")
        if answer.done():
            return
        if error is None:
            answer.set_result(result)
        else:
            answer.set_exception(error)

    def _next_arrival(self, stream: Stream) -> int:
        due = self._server.scheduler.now + self._network.delay(stream)
        self._arrived = max(due, self._arrived)
        return self._arrived

    # --- notifications ---

    def notify(self, sent: EntryNumber, channel: str, payload: str) -> None:
        """Send a notification to this connection's client."""
        self._in_flight.append(sent)
        if self._stalls is not None:
            now = self._server.scheduler.now
            self._arrived = max(self._arrived, now + self._stalls.hold_up(now))
        due = self._next_arrival(self._notify)
        self._server.scheduler.post(self.process, due, self._deliver, channel, payload)

    def _deliver(self, channel: str, payload: str) -> None:
        # As asyncpg does: in a step of its own, behind the task that a reply before it has woken.
        self._loop.call_soon(self._hear, channel, payload, context=self.process.context)

    def _hear(self, channel: str, payload: str) -> None:
        if self.lost:
            return
        sent = self._in_flight.popleft()
        self._server.recorder.append(
            self.process.worker, NotificationDelivered(self.name, sent), sent
        )
        self.on_notify(channel, payload)

    def lose(self, error: PostgresError | None = None) -> None:
        """Lose the server, and with it what it has not answered yet and what was on the way.

        ``error`` is what the client is told of the statement that was not answered.
        """
        if self.spared or self.lost or self.closed:
            return
        self.lost = True
        self._server.connections.pop(self, None)
        self._server.disconnect(self)
        self._drop_notifications()
        pending, self._pending = self._pending, None
        lost = ConnectionLost(self.name, None if pending is None else pending[0])
        self._server.recorder.append(self.process.worker, lost)
        if pending is not None:
            self._arrived = max(self._server.scheduler.now + self._network.hop, self._arrived)
            self._server.scheduler.post(
                self.process, self._arrived, self._fail, pending[1], error or _gone()
            )

    def _fail(self, answer: asyncio.Future[Any], error: PostgresError) -> None:
        self._release()
        if not answer.done():
            answer.set_exception(error)

    def close(self) -> None:
        """Drop the connection, its client being gone, and with it what was on the way to it."""
        self.closed = True
        self._server.connections.pop(self, None)
        self._server.disconnect(self)
        self._drop_notifications()

    def _drop_notifications(self) -> None:
        for sent in self._in_flight:
            self._server.recorder.append(
                self.process.worker, NotificationDropped(self.name, sent), sent
            )
        self._in_flight.clear()

    @property
    def tables(self) -> Tables:
        """The server's tables, for whoever inspects a finished run."""
        return self._server.tables


def _gone() -> PostgresError:
    """Return the error of a statement whose connection is gone, which takes a fault."""
    error = connection_lost()
    error.by_fault = True
    return error


def _strike(errand: _Errand, moment: str) -> None:
    """Let befall the worker what was chosen for a moment."""
    for shoot in (errand.befalls or {}).get(moment, ()):
        shoot()


def _nothing() -> None:
    """Do nothing on the server."""
