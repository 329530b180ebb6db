"""One run: a world of simulated processes, a server and a virtual clock.

``run``         plays a scenario once; ``endings``: how it can end early; ``interrupts``, ``hang``
                and ``standstill``: how it is ended from outside, ``realtime``: by which timer
``simulation``  the world as a scenario sees it; ``recorded_random``: its generator
``worker``      a simulated process running the user's application; ``factories``: one that makes
                its own PgQueuer; ``managers``: what it runs, a PgQueuer or one manager alone
``builders``    functions that want a connection first; ``self_running``: factories that run
                what they make, which is refused
``world``       who there is in one run, and how they reach each other
``judge``       holds a run to the invariants, and to ``checks``: what its scenario claims
``faults``      what befalls workers and the server, and when; ``statement_faults``: statements
``server``      the simulated PostgreSQL, ``connection`` a client's session of it, ``pool`` several,
                ``pool_uses``: who holds them and who waits;
                ``clients``: what stands for asyncpg's and psycopg's
``scheduler``   whose turn it is and what time it is
``loop``        asyncio's interface over it; ``executors``: its threads; ``loop_without_io``: what
                it refuses
``process``     a process's loop position, clock and tasks, ``handles`` its waiting callbacks
``recorder``    the growing event log, ``causes`` why something happens, ``observers`` what
                fills it beside the server
``entropy``     the table of what decides a run, made of ``clocks``, ``waits``, ``randomness``,
                ``identity``, ``hashing``, ``tasks``, ``primitives``, ``anyio_backend``,
                ``garbage``, ``databases``, ``recursion``, ``extensions``, ``refusals``
``patches``     puts their replacements in and takes them out; ``patch``: one of them,
                ``builtin``: one in place, ``sealed``: one of a type that CPython seals,
                ``late``: one of a module that the run imports, ``linkage``: one of what a C
                extension calls, ``source``: its row in the table, ``refusing``: one that refuses,
                ``origins``: the user's line and the libraries that led to a refusal, ``advice``:
                what to do about it, ``imports``: whether a module is being loaded
``failing``     how a run failed, ``places`` where; ``tidy`` text without ``addresses``,
                ``escaping`` events as UTF-8 can say them
``takedown``    the end of a world; ``finalizers``: those that must not run
"""
