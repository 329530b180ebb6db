"""Looking: a connection to the tables at a past moment; its statements do not change them."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from simqueue.adapter.connection import Hear
from simqueue.errors import PostgresError
from simqueue.inspect.moments import Moment, Moments
from simqueue.store import Rejection, Statement, Tables, execute

T = TypeVar("T")


@dataclass(slots=True)
class Look:
    """The tables that one page reads: those of a moment, with the page's own changes.

    The page of throughput aggregates the log first. Only this page sees that change, as in a
    transaction that is rolled back.
    """

    moments: Moments
    moment: Moment
    changed: Tables | None = None

    def answer(self, statement: Statement[T]) -> T:
        """Execute a statement at the instant of the moment."""
        now = self.moment.at
        if self.changed is None:
            if not statement.decide(self.moment.tables, now):
                return statement.answer(self.moment.tables, now, [])
            self.changed = self.moments.copy(self.moment)
        return execute(self.changed, now, statement)[1]


LOOK: ContextVar[Look] = ContextVar("simqueue_look")
"""The tables that the page being rendered reads."""


class LookingConnection:
    """The database session of a page; it receives no notifications."""

    def __init__(self) -> None:
        self.on_notify: Hear = _unheard

    async def run(self, statement: Statement[T]) -> T:
        """Execute a statement as the server would have done at that moment."""
        try:
            return LOOK.get().answer(statement)
        except Rejection as rejection:
            raise rejection.error from None

    async def listen(self, channel: str) -> NoReturn:
        """Refuse."""
        raise _nothing_happens()

    async def unlisten(self, channel: str) -> NoReturn:
        """Refuse."""
        raise _nothing_happens()


def _nothing_happens() -> PostgresError:
    return PostgresError("25006", "nothing happens any more, so that there is nothing to hear")


def _unheard(channel: str, payload: str) -> None:
    """Receive no notifications."""
