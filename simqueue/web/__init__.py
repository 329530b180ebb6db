"""Time travel: PgQueuer's own dashboard over the tables as they stood after any event of a trace.

``moments``    the tables after each event, folded when somebody looks
``looking``    a connection that looks at them and changes nothing
``jumps``      where one may want to go from an event
``bar``        the bar at the top of each page, by which one goes there
``dashboard``  PgQueuer's dashboard, unmodified, over such a connection
``site``       each event under its own address: the dashboard as it was at that instant
``serving``    all that on 127.0.0.1

FastAPI and uvicorn, which ``simqueue[web]`` installs, are imported in this package alone.
"""
