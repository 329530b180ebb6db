"""One run: a world of simulated processes, a server and a virtual clock.

The rooms, from the lowest to the highest; each imports only what stands above it here:

``kernel``        time and order: scheduler, processes, event log
``patching``      replaces functions, types and modules of others for a while
``code``          whose line of code a call comes from, and how a call is refused
``text``          errors, log lines and failures as every machine would write them
``loop``          asyncio's event loop over the scheduler
``entropy``       the sources of entropy, each controlled or refused
``database``      the simulated PostgreSQL, its sessions, and the clients of drivers
``applications``  what a worker runs: the user's PgQueuer or managers, and how it is made
``faults``        which faults strike whom and when
``checking``      holds a run to the invariants and to its scenario's checks
``watches``       ends a step or a run from outside: Ctrl-C, signals, hangs

The modules beside them wire the rooms:

``run``           plays a scenario once; ``endings``: how it can end early; ``takedown``: its end
``simulation``    the world as a scenario sees it; ``settling``: waiting for its jobs
``world``         who there is in one run, and how they reach each other
``worker``        a simulated process that runs the user's application
``sources``       the table of entropy; ``patches``: puts in what its rows replace
``post_mortem``   the frames in which it failed
"""
