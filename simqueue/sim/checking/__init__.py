"""Holds a run to the invariants and to its scenario's own checks.

``judge``   asks the invariants after each event, and what is owed at the end
``checks``  what a scenario claims: ``always``, ``eventually``, ``sometimes``
"""
