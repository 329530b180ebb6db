"""Faults of statements, through the interface that the database uses.

Nothing goes wrong in a run without faults.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from simqueue.errors import PostgresError
from simqueue.model.ids import StatementId


class StatementMishaps(Protocol):
    """Faults that may occur to the statements of one kind that one task sends."""

    def breaks(self, statement: StatementId) -> str:
        """Return when the connection breaks: before the arrival, after the commit, or ``""``."""

    def rejection(
        self, statement: StatementId, *, connecting: bool = False
    ) -> tuple[PostgresError, bool] | None:
        """Return the error with which it fails and whether the connection breaks, or None."""

    def slowness(self, statement: StatementId, now: int) -> tuple[int, int]:
        """Return how many microseconds it begins late, and how many it commits late."""

    def hold_up(self, now: int) -> int:
        """Return the delay of a message from the server, in microseconds."""

    def aim(self, statement: StatementId) -> dict[str, list[Callable[[], None]]]:
        """Return the worker's faults around a statement: functions, and when to call them."""


class Mishaps(Protocol):
    """Faults that may occur to statements."""

    @property
    def troubled(self) -> bool:
        """Whether a fault may be the reason that something takes long."""

    def of_statement(self, worker: str, key: str) -> StatementMishaps | None:
        """Return the faults of one kind of statement of one task, or None if there are none."""
