"""Many runs: campaigns over seeds, replays, shrinking, audits.

``target``    a scenario by its name on the command line
``nodes``     a test by its name
``trust``     whether what a trace names may be run without asking
``application`` the user's factory by its name, and what it registers
``campaign``  many runs of one scenario, in one process or several
``strategy``  how it searches, by name
``plan``      which run comes next, given what came of the others
``exhaustive`` likewise: every schedule with at most so many deviations
``share``     which runs are whose, if there are shards
``assignment`` one run as data, so that another process can be told of it
``result``    what became of it
``workers``   the processes of a campaign
``cluster``   the Dask cluster of a campaign, if it has one
``errands``   what a worker of that does
``helper``    a process that plays runs beside such a worker, from outside
``playing``   the same from inside
``frames``    how messages travel between the two
``clean``     a process in which nothing was played before
``losses``    how a process that played a run ended, and whether something outside ended it
``parents``   processes that end with the one that they work for
``alone``     a failure played again there, before it counts
``outliving`` what state that user code keeps looks like, and what changed
``fresh``     how another interpreter is started
``tally``     what came of its runs, counted as they come
``journal``   the same in a file that outlives the campaign
``statelines`` what its lines hold; ``sealing``: their checksums
``resumption`` a plan of which some runs were played before
``merging``   the shards of a campaign, as one
``evidence``  what its runs came to, and what none of them did
``catalogue`` what a scenario's source says that one should come to
``known``     failures that are accepted, so that the next one can be seen
``failures``  where found failures are kept
``keeping``   which of them a campaign saved itself, and which of those are shrunk
``regressions`` those that were kept, played again
``replay``    a trace played again, and the verdict
``breakpoints`` at which events a replay is to stop
``stops``     what is at hand there
``nearby``    variations of it that may fail alike though it drifts and passes
``budgets``   how many runs replays and shrinking may take
``shrink``    a trace made simpler, as long as it fails alike
``attempts``  the runs that takes, none of them twice
``dropping``  what leaves choices out
``lowering``  what changes their values
``points``    moments of a failing run between which something was picked; other runs from there
``inevitable`` after which of them it fails whatever comes
``nearest``   the passing run that is most like it
``audit``     one seed under other circumstances
``recordings`` its runs in fresh processes
``causes``    what decides if they differ
``set_orders`` the sets that a run held, and in which order it iterated each
``address_space`` whether processes find their memory at fixed addresses
``changes``   what each event did to the tables
``history``   the tables as they stood after an event
"""
