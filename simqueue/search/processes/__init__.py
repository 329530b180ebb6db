"""Processes that play runs.

``workers``        those of a campaign; ``losses``: how one ended that lost its run
``clean``          forked before the first run; forks a child for each request
``successive``     plays runs one after the other, in a process that a run may end
``alone``          a failure is played again in such a child before it counts
``outliving``      what state of user code a run has changed
``forks``          forking without losing signals; children end with their parent
``fresh``          another interpreter with this simqueue; ``address_space``: at fixed addresses
``frames``         messages over a pipe
"""
