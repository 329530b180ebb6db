"""The application that a worker runs, and how it is made.

``factories`` functions that make a worker's application, as ``pgq run`` takes them
``builders``      functions that need a connection first, which cannot be a worker's setup
``self_running`` factories that run the application themselves, which is refused
``managers``      a whole PgQueuer, or only one of its two managers
``observers`` record actions of handlers and log lines as events
"""
