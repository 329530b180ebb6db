"""Causes: the event that caused the code that runs now."""

from __future__ import annotations

from contextvars import ContextVar

from simqueue.model.ids import EntryNumber

CAUSE: ContextVar[EntryNumber | None] = ContextVar("simqueue_cause", default=None)
"""The start of the handler that the code runs in; tasks inherit it."""
