"""Checks a run against the invariants and against its scenario's own checks.

``judge``   checks the invariants after each event, and what is still due at the end
``checks``  the checks of a scenario: ``always``, ``eventually``, ``sometimes``
"""
