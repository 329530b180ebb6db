"""Many runs of one scenario, counted, saved and written down.

``campaign``    plays them, and saves one trace for each way in which they fail
``tally``       what came of the runs, counted as they come
``known``       failures that are accepted
``journal``     its state in a file; ``statelines``: the lines; ``sealing``: their checksums
``resumption``  goes on from a state; ``keeping``: which saved failures are the campaign's own
``merging``     the states of shards become one campaign
"""
