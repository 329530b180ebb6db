"""Statements that overlap, on both sides: three sessions, each with one statement in progress.

On PostgreSQL a statement runs in an explicit transaction that is ended later; here, as the store's
``Transaction``. Either way it is executed, or waits for another one, and then ends when it is told
to. What is compared after each step: who waits, what was answered, and what is committed.
"""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries
from postgres import connect
from sides import (
    TABLES,
    Call,
    Clock,
    Raised,
    State,
    Step,
    attempt,
    how_to_look,
    state_of,
)
from undefined import Statements, answer_difference, state_difference

from simqueue.adapter import InMemoryDriver, InMemoryQueries
from simqueue.adapter.installed import names_in_force, semantics_in_force
from simqueue.model import events as e
from simqueue.store import Statement, Tables, Transaction, Transactions, apply, rejected

SESSIONS = 3
DEADLOCK_TIMEOUT_MS = 20

Progress = Literal["idle", "waits", "executed"]


class RealQueries(Queries):
    """PgQueuer's queries, and a statement of theirs that they send only in company."""

    async def aggregate(self) -> None:
        await self.driver.execute(self.qbq.build_aggregate_log_data_to_statistics_query())


class SimulatedQueries(InMemoryQueries):
    """simqueue's queries, and the same."""

    async def aggregate(self) -> None:
        await self._aggregate()


@dataclass
class RealSession:
    """A session of PostgreSQL, and the transaction that is open in it.

    ``answer`` is what its call returned or raised, once it did.
    """

    connection: asyncpg.Connection
    queries: RealQueries
    task: "asyncio.Task[Any] | None" = None
    open: bool = False
    answer: Any = None

    @property
    def progress(self) -> Progress:
        if self.task is not None:
            return "waits"
        return "executed" if self.open else "idle"

    async def execute(self, now: datetime, call: Call) -> Any:
        await self.connection.execute(f"SET clk.now = '{now.isoformat(sep=' ')}'")
        await self.connection.execute("BEGIN")
        return await attempt(self.queries, call)

    async def failed(self) -> bool:
        """Return whether its statement failed, also where the call made something of that."""
        try:
            await self.connection.execute("SELECT")
        except asyncpg.InFailedSQLTransactionError:
            return True
        return isinstance(self.answer, Raised)

    async def end(self, *, commit: bool) -> None:
        await self.connection.execute("COMMIT" if commit else "ROLLBACK")
        self.open = False


@dataclass(eq=False)
class SimulatedSession:
    """A session of the store, which is a connection as drivers use one."""

    desk: "Desk"
    queries: SimulatedQueries = field(init=False)
    transaction: Transaction[Any] | None = None
    reply: "asyncio.Future[Any] | None" = None
    task: "asyncio.Task[Any] | None" = None
    seen: Any = None

    def __post_init__(self) -> None:
        self.queries = SimulatedQueries(InMemoryDriver(connection=self))  # type: ignore[arg-type]

    @property
    def progress(self) -> Progress:
        if self.transaction is None:
            return "idle"
        return "executed" if self.transaction.ready else "waits"

    async def run(self, statement: Statement[Any]) -> Any:
        self.reply = asyncio.get_running_loop().create_future()
        self.transaction = self.desk.transactions.begin(self.desk.clock(), statement)
        self.desk.go_on(self)
        return await self.reply


class Desk:
    """The store's side: what the simulated server does, step by step."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.tables = Tables(names_in_force(0), semantics_in_force())
        self.transactions = Transactions(self.tables)
        self.sessions = [SimulatedSession(self) for _ in range(SESSIONS)]

    def go_on(self, session: SimulatedSession) -> None:
        """Do what comes next without anybody's doing."""
        transaction = session.transaction
        self._apply(transaction, transaction.drawn)
        transaction.drawn = []
        if transaction.deadlocked:
            transaction.fail(rejected("40P01", "deadlock detected"))
        if transaction.ready and not transaction.events:
            # What only reads is answered by what it saw.
            session.seen = transaction.statement.answer(self.tables, transaction.now, [])
        if transaction.rejection is not None:
            self._apply(transaction, transaction.rejection.leaves)
            session.reply.set_exception(transaction.rejection.error)
            self._finish(session)

    def end(self, session: SimulatedSession, *, commit: bool) -> None:
        transaction, now = session.transaction, session.transaction.now
        if commit:
            self._apply(transaction, transaction.events)
            answer = session.seen
            if transaction.events:
                answer = transaction.statement.answer(self.tables, now, transaction.events)
            session.reply.set_result(answer)
        else:
            session.reply.cancel()
        self._finish(session)

    def _apply(self, transaction: Transaction[Any], events: Any) -> None:
        for event in events:
            apply(self.tables, transaction.now, event)

    def _finish(self, session: SimulatedSession) -> None:
        transaction, session.transaction = session.transaction, None
        for waiting in self.transactions.finish(transaction):
            if waiting.blocker is transaction:
                self.transactions.advance(waiting)
                (other,) = (each for each in self.sessions if each.transaction is waiting)
                self.go_on(other)


@dataclass
class Overlap:
    """Both sides of one sequence."""

    clock: Clock
    observer: asyncpg.Connection
    real: list[RealSession]
    columns: dict[str, list[str]]
    look: str
    desk: Desk = None  # type: ignore[assignment]  # from ``begin`` on
    calls: dict[int, Call] = field(default_factory=dict)

    @classmethod
    async def open(cls, dsn: str, clock: Clock) -> "Overlap":
        observer = await connect(dsn)
        real = []
        for _ in range(SESSIONS):
            connection = await connect(dsn)
            await connection.execute(f"SET deadlock_timeout = '{DEADLOCK_TIMEOUT_MS}ms'")
            real.append(RealSession(connection, RealQueries(AsyncpgDriver(connection))))
        return cls(clock, observer, real, *await how_to_look(observer))

    async def close(self) -> None:
        for session in self.real:
            await session.connection.close()
        await self.observer.close()

    async def begin(self) -> None:
        """Empty everything."""
        for session in self.real:
            if session.task is not None:
                session.task.cancel()
                with suppress(asyncio.CancelledError):
                    await session.task
                session.task = None
            if session.open:
                await session.end(commit=False)
        for simulated in self.desk.sessions if self.desk else ():
            if simulated.task is not None:
                simulated.task.cancel()
        await asyncio.sleep(0)
        self.clock.reset()
        await self.observer.execute(f"TRUNCATE {', '.join(TABLES)} RESTART IDENTITY")
        self.desk = Desk(self.clock)
        self.calls.clear()

    async def execute(self, number: int, call: Call) -> str | None:
        """Have a session execute a call in a transaction; return how the sides differ, or None."""
        real, simulated = self.real[number], self.desk.sessions[number]
        self.calls[number] = call
        real.open = True
        real.task = asyncio.create_task(real.execute(self.clock.now(), call))
        simulated.task = asyncio.create_task(attempt(simulated.queries, call))
        return await self._differences()

    async def end(self, number: int, *, commit: bool) -> str | None:
        """End the transaction of a session; return how the sides differ, or None."""
        await self.real[number].end(commit=commit)
        self.desk.end(self.desk.sessions[number], commit=commit)
        if not commit:
            del self.calls[number]
        return await self._differences()

    @property
    def blurred(self) -> bool:
        """Whether a statement waits that may have locked some of its rows, and which is open."""
        waiting = [
            session.transaction
            for session in self.desk.sessions
            if session.progress == "waits" and session.transaction is not None
        ]
        return len(waiting) > 1 or any(_rows(each) != 1 for each in waiting)

    @property
    def _locked(self) -> bool:
        """Whether a statement has a table to itself, or is first in the queue for that."""
        return any(
            session.transaction is not None and session.transaction.truncates
            for session in self.desk.sessions
        )

    @property
    def open_order(self) -> bool:
        """Whether PostgreSQL leaves open what happens next: who goes first of two that wait."""
        waiting = sum(session.progress == "waits" for session in self.real)
        return waiting > 1 or self.ids_open

    @property
    def ids_open(self) -> bool:
        """Whether a batch waits: how many ids it has drawn by then depends on its plan."""
        return any(
            session.progress == "waits"
            and (call := self.calls[number]).method == "enqueue"
            and isinstance(call.args[0], list)
            and len(call.args[0]) > 1
            for number, session in enumerate(self.real)
        )

    async def _differences(self) -> str | None:
        await self._settle()
        real = [session.progress for session in self.real]
        simulated = [session.progress for session in self.desk.sessions]
        found: list[str | None] = []
        if real != simulated:
            found.append(f"progress\n  PostgreSQL: {real}\n  simqueue:   {simulated}")
        for number, session in enumerate(self.real):
            if session.progress == "idle" and number in self.calls:
                found.append(await self._answer_difference(number))
        if not self._locked:
            found.append(await self._state_difference())
        return "\n".join(each for each in found if each is not None) or None

    async def _answer_difference(self, number: int) -> str | None:
        call, task = self.calls.pop(number), self.desk.sessions[number].task
        if not task.done():
            return f"{call} is over on PostgreSQL: {self.real[number].answer!r}"
        empty = State({}, [])
        real = Step(self.real[number].answer, empty, [])
        return answer_difference(call, real, Step(task.result(), empty, []), Statements())

    async def _state_difference(self) -> str | None:
        *tables, next_ids = json.loads(await self.observer.fetchval(self.look))
        real = State(dict(zip(TABLES, tables, strict=True)), next_ids)
        simulated = state_of(self.desk.tables, self.columns)
        if self.ids_open:
            real.next_ids[0] = simulated.next_ids[0] = 0
        return state_difference(_unnumbered(real), _unnumbered(simulated), Statements())

    async def _settle(self) -> None:
        """Wait until each session has done what it can do."""
        for _ in range(4):
            await asyncio.sleep(0)
        while running := [session for session in self.real if session.task is not None]:
            for session in running:
                if session.task.done():
                    session.answer = session.task.result()
                    session.task = None
                    if await session.failed():
                        await session.end(commit=False)
            pids = [each.connection.get_server_pid() for each in running if each.task is not None]
            blockers = await self.observer.fetch(
                "SELECT pg_blocking_pids(pid) AS pids FROM unnest($1::int[]) pid", pids
            )
            blocked = all(row["pids"] for row in blockers)
            # Where they wait for each other alone, PostgreSQL is about to notice.
            if blocked and (not pids or any(set(row["pids"]) - set(pids) for row in blockers)):
                return
            await asyncio.sleep(0)


def _unnumbered(state: State) -> State:
    """Leave out the ids of log and statistics, which statements that overlap draw in turns."""
    tables = dict(state.tables)
    for table in ("pgqueuer_log", "pgqueuer_statistics"):
        tables[table] = sorted(([0, *row[1:]] for row in tables[table]), key=repr)
    return State(tables, [state.next_ids[0], 0, 0, state.next_ids[3]])


def _rows(transaction: Transaction[Any]) -> int:
    """Return how many rows a statement changes or adds."""
    rows = 0
    for event in transaction.events:
        match event:
            case e.JobsBeat(ids) | e.SchedulesBeat(ids):
                rows += len(ids)
            case e.TableChanged():
                pass
            case _:
                rows += 1
    return rows
