"""Books: what several invariants of a run keep together."""

from __future__ import annotations

from typing import ClassVar, Self

from simqueue.check.view import View
from simqueue.model.events import Entry


class Book:
    """Knowledge that several invariants ask for, kept once a run.

    Like the view it is **as it was before an event** while invariants see that.
    """

    sees: ClassVar[tuple[type, ...]]
    """The events it wants to be shown; ``take`` ignores any other."""

    def __init__(self, view: View) -> None:
        self.view = view

    @classmethod
    def of(cls, view: View) -> Self:
        """Return the one of this kind that a run's invariants share; to be called as they begin."""
        book = view.books.get(cls)
        if not isinstance(book, cls):
            book = view.books[cls] = cls(view)
        return book

    def take(self, entry: Entry) -> None:
        """Learn what an event tells, when all invariants have judged it."""
        raise NotImplementedError
