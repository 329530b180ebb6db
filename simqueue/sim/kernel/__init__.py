"""Time and order: whose turn it is, what time it is, and what has happened.

It imports no other room of ``sim``.

``scheduler``        which process takes the next step, and when time moves
``process``          a process: its position in time, clock and tasks
``handles``          callbacks that wait to run
``tasks``            the tasks of a loop
``recorder``         the event log while it grows; ``causes``: what an event is a consequence of
``escaping``         events as UTF-8 can write them
``recorded_random``  a generator whose draws are choices
"""
