"""Invariants over the store: claims about every run, checked without the user writing a check.

``invariant``     the base class of invariants
``invariants``    the table of all of them
``view``          the state that all of them share: workers, running handlers, stalls
``panel``         shows events to them
``expectations``  what some run of a campaign has to show

``book``       state that several invariants share
``owed``       what must happen by when; ``idle`` and ``capacity``: which workers could do it
``excuse``     why a lease may be lost; ``contested``: jobs that two workers may then write about
``resets``     events that empty tables or restart ids; ``wording``: phrases of messages

Each of the other modules holds one invariant and is named after it.
"""

from simqueue.check.invariant import Broken, Invariant
from simqueue.check.invariants import INVARIANTS
from simqueue.check.panel import Panel, Verdict
from simqueue.check.view import View

__all__ = ["INVARIANTS", "Broken", "Invariant", "Panel", "Verdict", "View"]
