"""Many runs of one scenario, counted, saved and written down.

``campaign``    plays them; ``turns``: several campaigns at the same time
``order``       which campaigns are to be played, and how
``opened``      one of them while it is played; ``stage``: plays single runs of its scenario
``tally``       what came of the runs, counted as they come
``known``       failures that are accepted
``journal``     its state in a file; ``statelines``: the lines; ``sealing``: their checksums
``resumption``  goes on from a state; ``keeping``: which saved failures are the campaign's own
``merging``     the states of shards become one campaign
"""
