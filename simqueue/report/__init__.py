"""Text from traces: plain, stable, the same on every terminal.

``words``        one sentence in queue words for each event
``sentences``    an event with its subject and what is known of its statement
``lines``        an event log as lines, the routine among them folded
``story``        what happened in a run, and how it failed
``involved``     the jobs, schedules and workers that the end of a run is about
``account``      what became of them, in one line of time
``claims``       failures of a scenario's own checks
``earlier``      what was not calm before the end of the log that is told
``managers``     PgQueuer's managers called by the names of their workers
``beats``        for how long somebody was silent who is taken over
``hindsight``    what a statement could not know when it changed something
``doings``       what the workers involved last asked of the server, and heard from it
``selection``    those events of a log that somebody asks for
``deviations``   what each choice that was not calm did, in a line
``case``         one such choice, to be explained from the run it was made in
``messages``     those by which a message or a commit came late
``strikes``      those by which a fault struck
``course``       who did what in a run, and what became of each statement
``deeds``        what a statement changed
``meanwhile``    what went on between two instants
``subjects``     the jobs and schedules that a text or an event is about
``page``         all of a run as one HTML page
``tables``       rows of tables, as text
``difference``   where two runs part
``side_by_side`` both of them in two columns from there on
``junit``         a campaign as CI servers read it
``export``       traces as other programs take them
"""
