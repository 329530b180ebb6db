"""Which runs a campaign plays, and what came of each.

``strategies``  the table of strategies; ``strategy``: one by its name and numbers
``exhaustive``  a plan of each schedule with few deviations
``plan``        which run comes next; ``share``: which runs are whose, if there are shards
``assignment``  one run as data; ``result``: what came of it
``coverage``    what runs came to, and what none of them did although it should
``sometimes``   what a scenario's source says that a run should come to
"""
