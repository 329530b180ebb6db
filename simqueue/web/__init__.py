"""Time travel: PgQueuer's own dashboard over the tables as they were after any event of a trace.

``moments``    the tables after each event, folded when they are read
``looking``    a connection that reads them and changes nothing
``jumps``      the events that the bar links to from an event
``bar``        the bar at the top of each page, with these links
``dashboard``  PgQueuer's dashboard, unmodified, over such a connection
``site``       each event under its own address: the dashboard as it was at that instant
``serving``    serves the site on 127.0.0.1

FastAPI and uvicorn, which ``simqueue[web]`` installs, are imported in this package alone.
"""
