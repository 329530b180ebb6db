"""What happened in a run, and how it failed.

``story``           the whole text
``participants``    the jobs, schedules and workers that the failure is about
``timeline`` their events in order ``last_actions`` the last statements of these workers, and the
answers ``stale_view`` changes that a statement could not see when it made its own
``heartbeat_gap``   for how long a worker was silent whose job is taken over
``claims``          failures of a scenario's own checks
``earlier``         what was not calm before the part of the log that is shown
"""
