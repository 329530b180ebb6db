"""Looking: a connection to a moment of the past, which nothing that is done over it changes."""

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
    """What one page sees: a moment, and what the page's own statements make of it.

    Who looks at throughput aggregates the log first. That, too, is seen by this page alone, as in
    a transaction that is rolled back.
    """

    moments: Moments
    moment: Moment
    changed: Tables | None = None

    def answer(self, statement: Statement[T]) -> T:
        """Answer a statement at the instant of the moment."""
        now = self.moment.at
        if self.changed is None:
            if not statement.decide(self.moment.tables, now):
                return statement.answer(self.moment.tables, now, [])
            self.changed = self.moments.copy(self.moment)
        return execute(self.changed, now, statement)[1]


LOOK: ContextVar[Look] = ContextVar("simqueue_look")
"""What the page that is being made sees."""


class LookingConnection:
    """A session of whoever makes a page; it hears nothing."""

    def __init__(self) -> None:
        self.on_notify: Hear = _unheard

    async def run(self, statement: Statement[T]) -> T:
        """Answer a statement as the server would have at that moment."""
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
    """Hear nothing."""
