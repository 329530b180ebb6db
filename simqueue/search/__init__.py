"""Many runs: campaigns over seeds, replays, shrinking, audits.

The rooms, from the lowest to the highest; each imports only what stands above it here:

``planning``   which runs a campaign plays, and what came of each
``processes``  the processes that play them, also one in which a run comes after no other
``replay``     a trace played again, and the verdict
``shrink``     a failing run becomes the fewest deviations that still fail alike
``explain``    after which moment a failure was inevitable; the nearest run that passes
``dask``       runs on a Dask cluster
``campaign``   many runs of one scenario, counted, saved and written down
``audit``      one seed under other circumstances, which must change nothing

Beside them:

``target``       a scenario by its name on the command line; ``nodes``: a test by its name
``trust``        whether what a trace names may be run without asking
``application``  the user's factory by its name, and what it registers
``saved``        where found failures are kept
``budgets``      the default numbers of runs; ``budget``: the runs and the time that are left
"""
