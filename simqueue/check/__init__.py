"""Invariants over the store: what must hold in every run, noticed without the user writing a check.

``invariant``  what an invariant is
``view``       what they all know of the world: who runs what, who is up, who was held up when
``invariants`` the table of all of them
``panel``      shows events to them

``book``       what several of them know together
``owed``       what must happen by when; ``idle`` and ``capacity``: who could do it
``excuse``     why a lease may be lost; ``contested``: jobs about which two may then speak
``resets``     after which events books are void; ``wording``: what messages share

Each of the other modules holds one invariant and is named after it.
"""

from simqueue.check.invariant import Broken, Invariant
from simqueue.check.invariants import INVARIANTS
from simqueue.check.panel import Panel, Verdict
from simqueue.check.view import View

__all__ = ["INVARIANTS", "Broken", "Invariant", "Panel", "Verdict", "View"]
