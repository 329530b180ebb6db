"""Text from traces: plain, stable, the same on every terminal.

``story``         what happened in a run, and how it failed
``choices`` the effect of each choice that was not calm
``page``          a run as one HTML page
``export``        traces as other programs take them
``words``         one sentence for each event; ``sentence``: with its subject and statement
``units``         virtual time and lengths of time; ``printable``: text that is safe to print
``explanations``  what a printed name means, for a terminal and for the guides
``lines``         an event log as lines, its routine folded; ``selection``: a part of it
``log_index``     who did what in a run, and what became of each statement
``effects``       what a statement changed
``subjects``      the jobs and schedules that a text or an event is about
``managers``      PgQueuer's managers, called by the names of their workers
``tables``        rows of tables, as text
``difference``    where two runs part; ``side_by_side``: both in columns from there on
``junit``         a campaign as systems for continuous integration read it
"""
