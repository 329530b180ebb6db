"""What a worker runs: the user's application, and how it is made.

``factories``     functions that make what a worker runs, as ``pgq run`` takes them
``builders``      functions that want a connection first
``self_running``  factories that run what they make, which is refused
``managers``      a whole PgQueuer, or one of its two managers alone
``observers``     what its handlers do and what it logs, as events
"""
