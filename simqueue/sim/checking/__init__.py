"""Checks a run against the invariants and against its scenario's own checks.

``judge`` checks the invariants after each event, and open deadlines at the end
``checks``  the checks of a scenario: ``always``, ``eventually``, ``sometimes``
"""
