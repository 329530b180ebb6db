"""What can go wrong with a statement, as the database asks for it; a fault decides.

Nothing goes wrong in a run without faults.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from simqueue.errors import PostgresError
from simqueue.model.ids import StatementId


class StatementMishaps(Protocol):
    """What may happen to the statements of one kind that one task sends."""

    def breaks(self, statement: StatementId) -> str:
        """Return when the connection breaks: before the arrival, after the commit, or ``""``."""

    def rejection(
        self, statement: StatementId, *, connecting: bool = False
    ) -> tuple[PostgresError, bool] | None:
        """Return the error with which it fails and whether the connection breaks, or None."""

    def slowness(self, statement: StatementId, now: int) -> tuple[int, int]:
        """Return how many microseconds it begins late, and how many it commits late."""

    def hold_up(self, now: int) -> int:
        """Return how many microseconds what the server sends is delayed on its way."""

    def aim(self, statement: StatementId) -> dict[str, list[Callable[[], None]]]:
        """Return the faults of the worker around a statement: what to call at which moment."""


class Mishaps(Protocol):
    """What may happen to all statements."""

    @property
    def troubled(self) -> bool:
        """Whether a fault may be the reason that something takes long."""

    def of_statement(self, worker: str, key: str) -> StatementMishaps | None:
        """Return what may happen to one kind of statement of one task, or None if nothing may."""
