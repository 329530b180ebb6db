"""asyncio's event loop over the scheduler.

``loop``             the loop of a simulated world
``loop_without_io``  what asyncio's loops offer and this one refuses
``executors``        functions meant for other threads, run at a chosen step
"""
