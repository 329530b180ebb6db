"""Plays traces again.

``replayer``     plays a trace, and returns the verdict
``comparison``   compares the events of a run with those of its trace
``nearby``       plays variations of the choices, for code that has changed
``regressions``  saved failures played again before a campaign
``breakpoints``  at which events a debugger opens; ``stops``: opens it
"""
