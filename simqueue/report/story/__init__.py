"""What happened in a run, and how it failed.

``story``           the whole text
``participants``    the jobs, schedules and workers that the failure is about
``timeline``        what became of them
``last_actions``    what these workers last asked of the server, and were answered
``stale_view``      what a statement could not know when it changed something
``heartbeat_gap``   for how long a worker was silent whose job is taken over
``claims``          failures of a scenario's own checks
``earlier``         what was not calm before the part of the log that is shown
"""
