"""asyncio's event loop over the scheduler.

``loop``             the loop of a simulated world
``loop_without_io``  methods of asyncio's loops that this one refuses
``executors``        functions for other threads, run at a chosen step
``machine``          the clocks, sleeps and process id that the code of a run sees
"""
