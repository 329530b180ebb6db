"""Invariants over the store: what must hold in every run, noticed without the user writing a check.

``invariant``      what an invariant is, and the panel that shows events to all of them
``schedule_once``  a tick of a schedule runs once
``no_orphan``      a worker that ended of itself holds no job
"""

from simqueue.check.invariant import INVARIANTS, Invariant, Panel

__all__ = ["INVARIANTS", "Invariant", "Panel"]
