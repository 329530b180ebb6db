"""What a worker runs: the user's application, and how it is made.

``factories``     functions that make what a worker runs, as ``pgq run`` takes them
``builders``      functions that need a connection first, which cannot be a worker's setup
``self_running``  factories that run what they make, which is refused
``managers``      a whole PgQueuer, or only one of its two managers
``observers``     record what handlers do and what is logged as events
"""
