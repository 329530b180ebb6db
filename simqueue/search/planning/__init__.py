"""The runs that a campaign plays, and their results.

``strategies``  the table of strategies; ``strategy``: one by its name and numbers
``plans``       how each plans a campaign; ``plan``: which run comes next
``exhaustive``  a plan of each schedule with few deviations
``share``       which runs are whose, if there are shards
``assignment`` one run as data; ``result``: how it ended ``coverage`` events that runs reached, and
expected ones that none reached ``sometimes`` moments in a scenario's source that a run should reach
"""
