"""Processes that play runs.

``workers``        the runs of campaigns, played here or by forked processes, in turns
``crew``           those processes; ``hands``: one of them; ``losses``: how one ended with its run
``workload``       the runs of one campaign left to play; ``player``: plays its runs in a process
``output``         captures output of runs; ``rehearsal``: a run that its process may not survive
``clean``          forked before the first run; forks a child for each request
``successive``     plays runs one after the other, in a process that a run may end
``alone``          a failure is played again in such a child before it counts
``outliving``      finds state of user code that a run changed
``forks``          forking without losing signals; children end with their parent
``fresh``          another interpreter with this simqueue; ``address_space``: at fixed addresses
``frames``         messages over a pipe; ``streams``: stand for the standard streams
"""
