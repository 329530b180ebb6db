"""Books: state that several invariants of a run share."""

from __future__ import annotations

from typing import ClassVar, Self

from simqueue.check.view import View
from simqueue.model.events import Entry


class Book:
    """State that several invariants need, kept once for a run.

    Like the view it is **as it was before an event** while invariants see that event.
    """

    sees: ClassVar[tuple[type, ...]]
    """The events it needs to see; ``take`` ignores all others."""

    def __init__(self, view: View) -> None:
        self.view = view

    @classmethod
    def of(cls, view: View) -> Self:
        """Return the one that a run's invariants share; for their constructors."""
        book = view.books.get(cls)
        if not isinstance(book, cls):
            book = view.books[cls] = cls(view)
        return book

    def take(self, entry: Entry) -> None:
        """Update the book with an event, after all invariants have judged it."""
        raise NotImplementedError
