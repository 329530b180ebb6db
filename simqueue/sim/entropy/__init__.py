"""Sources of entropy: each is controlled in a run, or refused.

``clocks``        clocks and sleeps; ``time_travel``: the wall clock, also for C code
``waits``         calls that block until another thread does something
``randomness``    random numbers; ``identity``: host, process ids, processors
``own_tasks``     each process sees its own tasks; ``hashing``: the order of sets of tasks
``garbage``       when finalizers run; ``finalizers``: those that must not run
``primitives``    locks and queues that were made at import
``anyio_backend`` threads and scopes of anyio
``recursion``     how deep calls may go; ``extensions``: C modules that read clocks themselves
``refusals``      sources that a run cannot repeat
"""
