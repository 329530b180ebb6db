"""One run: a world of simulated processes, a server and a virtual clock.

``run``         plays a scenario once
``simulation``  the world as a scenario sees it
``worker``      a simulated process running the user's application
``world``       who there is in one run, and how they reach each other
``server``      the simulated PostgreSQL, ``connection`` a client's session of it
``scheduler``   whose turn it is and what time it is, ``loop`` asyncio's interface over it
``process``     a process's loop position, clock and tasks, ``handles`` its waiting callbacks
``recorder``    the growing event log, ``observers`` what fills it beside the server
``patches``     what stands in for the machine's clocks and entropy
``failing``     how a run failed, ``places`` where; ``tidy`` text without addresses
``takedown``    the end of a world
"""
