"""One run: a world of simulated processes, a server and a virtual clock.

The rooms, from the lowest to the highest; each imports only what stands above it here:

``kernel``        time and order: scheduler, processes, event log
``patching``      replaces functions, types and modules of others during a run
``code``          which line of code a call comes from, and how a call is refused
``text``          errors, log lines and failures, the same on every machine
``loop``          asyncio's event loop over the scheduler
``entropy``       the sources of entropy, each controlled or refused
``database``      the simulated PostgreSQL, its sessions, and the clients of drivers
``applications``  what a worker runs: the user's PgQueuer or managers, and how it is made
``faults``        which faults are injected, where and when
``checking``      checks a run against the invariants and its scenario's checks
``watches``       ends a step or a run from outside: Ctrl-C, signals, hangs

The modules beside them connect the rooms:

``run``           ``simqueue.run`` and its result; ``playing``: from the first step to the last
``endings``       how a run can end early; ``takedown``: the end of its world
``simulation``    the simulation, as a scenario uses it; ``arguments``: checks its arguments
``scenario_choices``  the choices that a scenario makes; ``settling``: waits for its jobs
``worker``        a worker, as a scenario controls it
``worker_process``  the life of its process; ``worker_faults``: what faults do to it
``restarts``      whether an ended process starts again, and when
``world``         everything in one run, and how its parts reach each other
``sources``       the table of entropy; ``patches``: installs the replacements of its rows
``post_mortem``   the frames in which a run failed
"""
