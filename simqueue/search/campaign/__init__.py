"""Many runs of one scenario, counted, saved and written down.

``campaign``    plays them; ``turns``: several campaigns at the same time
``order``       a campaign to play, and how to play it
``opened``      one of them while it is played; ``stage``: plays single runs of its scenario
``tally``       counts the results of the runs
``known``       failures that are accepted
``journal``     its state in a file; ``statelines``: the lines; ``sealing``: their checksums
``resumption``  goes on from a state; ``keeping``: which saved failures are the campaign's own
``merging``     the states of shards become one campaign
"""
