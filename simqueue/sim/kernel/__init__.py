"""Time and order: the running process, the virtual time, and the event log.

It imports no other room of ``sim``.

``scheduler``        which process takes the next step, and when time moves; ``line``: which could
``appointments``     calls after a number of steps of a process
``process``          a process: its position in time, clock and tasks
``handles``          callbacks that wait to run
``tasks``            the tasks of a loop
``core``             all of these in one object, and how a run ends
``recorder``         the event log while it grows; ``causes``: the event that caused another
``escaping``         events without text that UTF-8 cannot encode
``recorded_random``  a generator whose draws are choices
"""
