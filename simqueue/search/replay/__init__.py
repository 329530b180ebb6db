"""A trace played again.

``replayer``     plays it, and gives the verdict
``nearby``       variations of its choices, for code that has changed
``regressions``  saved failures played again before a campaign
``breakpoints``  at which events a debugger opens; ``stops``: what is at hand there
"""
