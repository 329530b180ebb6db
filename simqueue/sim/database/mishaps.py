"""What can go wrong with a statement, as far as the database has to know.

Faults decide it; a run without faults has none of these.
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
        """Return an error with which it fails, and whether the connection breaks, too."""

    def slowness(self, statement: StatementId, now: int) -> tuple[int, int]:
        """Return by how many microseconds it begins late, and by how many it commits late."""

    def hold_up(self, now: int) -> int:
        """Return by how many microseconds what the server sends is held up on its way."""

    def aim(self, statement: StatementId) -> dict[str, list[Callable[[], None]]]:
        """Return what happens to the worker around a statement: what to call at which moment."""


class Mishaps(Protocol):
    """What may happen to all statements."""

    @property
    def troubled(self) -> bool:
        """Whether a fault may be why something takes long."""

    def of_statement(self, worker: str, key: str) -> StatementMishaps | None:
        """Return what may happen to one kind of statement of one task, or None if nothing may."""
