"""Many runs: campaigns over seeds, replays, shrinking, audits.

The rooms, from the lowest to the highest; each imports only what stands above it here:

``planning``   which runs a campaign plays, and the result of each
``processes``  the processes that play them, one of them without earlier runs
``replay``     a trace played again, and the verdict
``shrink``     reduces a failing run to the fewest deviations that fail the same way
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
