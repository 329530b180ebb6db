"""A client's connection: statements that take time, one after the other, and notifications."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from simqueue.adapter.connection import connection_lost
from simqueue.errors import Occasion, PostgresError, mark_by_fault
from simqueue.model.choice_key import key_of, place_of, without_number
from simqueue.model.events import (
    ConnectionLost,
    StatementFailed,
    StatementReplied,
    StatementSent,
)
from simqueue.model.ids import MICROSECONDS, EntryNumber, StatementId
from simqueue.sim.database.dialects import Translate
from simqueue.sim.database.errand import Errand, Network, Route, inject
from simqueue.sim.database.inbound import Inbound
from simqueue.sim.database.limits import NO_LIMITS
from simqueue.sim.database.mishaps import StatementMishaps
from simqueue.sim.database.server import Request, Server
from simqueue.sim.database.turns import Turns
from simqueue.sim.kernel.causes import CAUSE
from simqueue.sim.kernel.process import Process
from simqueue.store import Statement, Tables

T = TypeVar("T")

CONNECT = "connect"
"""The name of the round trip that opens a connection."""

_TIMEOUTS = ("57014", "55P03")

Pending = tuple[StatementId, asyncio.Future[Any]]
"""A statement that was sent and is not answered yet."""


class SimulatedConnection:
    """One session of the simulated server, as asyncpg's driver uses one: one statement at a time.

    Replies and notifications arrive in the order they were sent, since one TCP stream carries both.
    A ``spared`` session survives a crash of the server, and no fault touches it.
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
        # Passed in: asyncio.get_running_loop() makes a system call each time.
        self._server, self._network, self._loop = server, network, loop
        self.closed = False
        server.connections[self] = None
        self.lost = False
        self._pending: Pending | None = None
        self._turns = Turns()
        self._routes: dict[tuple[str, str], Route] = {}
        self.translate: Translate | None = None
        self.limits = NO_LIMITS
        self.schema: str | None = None
        self.follows = False
        """Whether its client uses the table names of the other clients."""
        self.statements = 0
        """How many requests were sent."""
        stalls = None
        if not spared:
            stalls = network.mishaps.of_statement(process.worker, place_of(name, "notify"))
        self._inbound = Inbound(
            name, process, network, server.scheduler, server.recorder,
            stalls=stalls, hear=self._hear, loop=loop,
        )  # fmt: skip

    async def run(self, statement: Statement[T]) -> T:
        """Send a statement when the connection is free, and wait for the reply."""
        return await self._exchange(statement.name, statement)

    async def listen(self, channel: str) -> None:
        """Ask for the notifications of ``channel``."""
        await self._exchange("listen", lambda: self._server.listen(self, channel))

    async def reset(self) -> None:
        """Reset the session, as a pool does: all it holds are the channels that it listens to."""
        await self._exchange("reset", lambda: self._server.disconnect(self))

    async def ping(self, name: str) -> None:
        """Make a round trip that changes nothing in the database."""
        await self._exchange(name, _nothing)

    async def unlisten(self, channel: str) -> None:
        """Ask for no more notifications of ``channel``."""
        await self._exchange("unlisten", lambda: self._server.unlisten(self, channel))

    async def _exchange(self, name: str, work: Statement[T] | Callable[[], T]) -> T:
        server = self._server
        if server.scheduler.local_now() > server.scheduler.now:
            await asyncio.sleep(0)  # The step is ahead of the world: go on when that has caught up.
        if self._turns.taken:
            await self._turn()
        if self.lost or self.closed:
            self._turns.pass_on()
            raise _gone("closed") if self.lost else _closed()
        self._turns.taken = True
        self.statements += 1
        number = server.number()
        sent = server.recorder.append(
            self.process.worker, StatementSent(number, self.name, name), CAUSE.get()
        )
        route = self._route(name)
        answer: asyncio.Future[T] = self._loop.create_future()
        self._pending = number, answer
        due = server.scheduler.now + self._network.delay(route.request)
        connecting = name == CONNECT and self.translate is not None
        errand = Errand(work, number, sent, route, server.incarnation, answer, connecting)
        server.scheduler.post(server.process, due, self._arrive, errand)
        if not self.limits.command:
            return await answer
        timer = self._loop.call_later(self.limits.command / MICROSECONDS, self._time_out, errand)
        try:
            return await answer
        finally:
            timer.cancel()

    async def _turn(self) -> None:
        """Wait for the connection: behind a statement that timed out, no longer than the limit."""
        process = self._server.scheduler.current
        if self.limits.command and self._pending is not None and self._pending[1].done():
            async with asyncio.timeout(self.limits.command / MICROSECONDS):
                await self._turns.wait(self._loop, process)
        else:
            await self._turns.wait(self._loop, process)

    def _time_out(self, errand: Errand) -> None:
        """Give up on a statement, and ask the server over another connection to cancel it."""
        if errand.answer.done():
            return
        error = TimeoutError()
        if self.troubled:
            mark_by_fault(error)
        errand.answer.set_exception(error)
        # Connecting takes a message each way, and the request is a third.
        stream = self._network.choices.stream(key_of(self.name, kind="cancel"))
        due = self._server.scheduler.now + 2 * self._network.hop + self._network.delay(stream)
        reason = "canceling statement due to user request"
        self._server.scheduler.post(self._server.process, due, self._cancel, errand, reason)

    @property
    def now(self) -> int:
        """The world's time in microseconds."""
        return self._server.scheduler.now

    @property
    def troubled(self) -> bool:
        """Whether a fault may be the reason that something takes long."""
        return self._network.mishaps.troubled

    def left_by(self, process: Process) -> None:
        """Give the turn of a process that has ended to the next in line."""
        self._turns.left_by(process)

    def _route(self, name: str) -> Route:
        """Return the choices of this worker, task and statement."""
        task = asyncio.current_task(self._loop)
        asker = "" if task is None else without_number(task.get_name())
        route = self._routes.get((asker, name))
        if route is None:
            key, worker = place_of(self.name, asker, name), self.process.worker
            faults = None if self.spared else self._network.mishaps.of_statement(worker, key)
            route = self._routes[asker, name] = Route(self._network, key, faults)
        return route

    def _arrive(self, errand: Errand) -> None:
        """Take a request that has reached the server, unless the connection broke before."""
        if self.lost or (errand.incarnation != self._server.incarnation and not self.spared):
            return
        faults = errand.route.faults
        if faults is None:
            self._begin(errand)
            self._execute(errand)
        else:
            self._inject_faults(errand, faults)

    def _begin(self, errand: Errand) -> None:
        """Start the server's work on a request, limited by the session's ``statement_timeout``."""
        errand.arrived = True
        if self.limits.statement:
            scheduler = self._server.scheduler
            due = scheduler.now + self.limits.statement
            reason = "canceling statement due to statement timeout"
            errand.deadline = scheduler.post(
                self._server.process, due, self._cancel, errand, reason
            )

    def _cancel(self, errand: Errand, reason: str) -> None:
        """Cancel a statement, if the server has it and has not answered it yet."""
        server = self._server
        if errand.answered or not errand.arrived or errand.incarnation != server.incarnation:
            return
        error = PostgresError("57014", reason)
        if not server.cancel(errand.number, error):
            self._reject(errand, error, breaks=False)  # it has not begun

    def _inject_faults(self, errand: Errand, faults: StatementMishaps) -> None:
        """Inject the faults chosen for a statement, then execute it if it still can be."""
        number, scheduler = errand.number, self._server.scheduler
        errand.faults_at = faults.aim(number)
        inject(errand, "arrival")
        breaks = faults.breaks(number)
        if breaks == "before it arrived":
            self.lose()
            return
        self._begin(errand)
        errand.doomed = bool(breaks)
        rejected = faults.rejection(number, connecting=errand.connecting)
        if rejected is not None:
            self._reject(errand, *rejected)
            return
        late, errand.late = faults.slowness(number, scheduler.now)
        if late:
            scheduler.post(self._server.process, scheduler.now + late, self._execute_late, errand)
        else:
            self._execute(errand)

    def _reject(self, errand: Errand, error: PostgresError, breaks: bool) -> None:  # noqa: FBT001  unpacked from a pair
        """Have a statement fail before it does anything; if it ``breaks``, the connection, too."""
        failed = StatementFailed(errand.number, error.sqlstate, error.message)
        self._server.recorder.append(self.process.worker, failed, errand.sent)
        if breaks:
            error.occasion = "connecting" if errand.connecting else "in flight"
            self.lose(error)
        else:
            self._answer(errand, None, error)

    def _execute_late(self, errand: Errand) -> None:
        """Execute a request that was delayed at the server, unless that has restarted since."""
        if errand.incarnation == self._server.incarnation and not errand.answered:
            self._execute(errand)

    def _execute(self, errand: Errand) -> None:
        """Have the server do the work, then send the reply.

        The server does the work even if the client has gone.
        """
        work, answer = errand.work, partial(self._answer, errand)
        if isinstance(work, Statement):
            worker, late = self.process.worker, errand.commit_delay
            self._server.execute(
                Request(
                    work,
                    errand.number,
                    worker,
                    errand.sent,
                    late,
                    answer,
                    self.spared,
                    lock_timeout=self.limits.lock,
                )
            )
        else:
            answer(work(), None)

    def _answer(self, errand: Errand, result: object, error: PostgresError | None) -> None:
        """Send the reply to the client."""
        errand.settle()
        if error is not None and error.sqlstate in _TIMEOUTS:
            error.by_fault = self.troubled
        if errand.faults_at:
            inject(errand, "commit")
        if self.lost:
            return
        if errand.doomed:
            self.lose()
            return
        self._pending = None
        due = self._inbound.arrival(errand.route.reply)
        self._server.scheduler.post(self.process, due, self._reply, errand, result, error)

    def _reply(self, errand: Errand, result: object, error: PostgresError | None) -> None:
        answer = errand.answer
        number = result if type(result) is int else None
        replied = StatementReplied(errand.number, number)
        self._server.recorder.append(self.process.worker, replied, errand.sent)
        # Also if the caller was cancelled in the meantime: only now is the connection free.
        self._turns.pass_on()
        if errand.faults_at:
            inject(errand, "reply")
        if answer.done():
            return
        if error is None:
            answer.set_result(result)
        else:
            answer.set_exception(error)

    # --- notifications ---

    def notify(self, sent: EntryNumber, channel: str, payload: str) -> None:
        """Send a notification to this connection's client."""
        self._inbound.notify(sent, channel, payload)

    def _hear(self, channel: str, payload: str) -> None:
        self.on_notify(channel, payload)

    # --- its end ---

    def lose(self, error: PostgresError | None = None) -> None:
        """Break the connection; statements without an answer and messages on the way are lost.

        ``error`` is the client's error for the statement that was not answered.
        """
        if self.spared or self.lost or self.closed:
            return
        self.lost = True
        self._server.connections.pop(self, None)
        self._server.disconnect(self)
        self._inbound.lose()
        pending, self._pending = self._pending, None
        lost = ConnectionLost(self.name, None if pending is None else pending[0])
        self._server.recorder.append(self.process.worker, lost)
        if pending is not None:
            due = self._inbound.end_of_stream()
            self._server.scheduler.post(
                self.process, due, self._fail, pending[1], error or _gone("in flight")
            )

    def _fail(self, answer: asyncio.Future[Any], error: PostgresError) -> None:
        self._turns.pass_on()
        if not answer.done():
            answer.set_exception(error)

    def close(self) -> None:
        """Drop the connection of a client that has gone, and the messages on the way to it."""
        self.closed = True
        self._server.connections.pop(self, None)
        self._server.disconnect(self)
        self._inbound.drop()

    @property
    def tables(self) -> Tables:
        """The server's tables, to be inspected after the run."""
        return self._server.tables


def _gone(occasion: Occasion) -> PostgresError:
    """Return the error of a statement whose connection broke, which only a fault does."""
    error = connection_lost()
    error.by_fault, error.occasion = True, occasion
    return error


def _closed() -> PostgresError:
    """Return the error of a statement on a connection that its client has closed."""
    error = connection_lost()
    error.occasion = "closed"
    return error


def _nothing() -> None:
    """Do nothing on the server."""
