"""Sources of entropy: each of them is controlled in a run, or refused.

``clocks``        clocks and sleeps; ``time_travel``: the wall clock, also for C code
``waits``         blocking calls that wait for another thread
``randomness``    random numbers; ``identity``: host, process ids, processors
``own_tasks``     each process sees its own tasks; ``hashing``: the order of sets of them
``garbage``       when finalizers run; ``finalizers``: those that must not
``primitives``    locks and queues that were made at import
``anyio_backend`` threads and scopes of anyio
``recursion``     how deep calls may go; ``extensions``: C modules with clocks of their own
``refusals``      what a run cannot repeat
"""
