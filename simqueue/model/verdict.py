"""Verdicts: the words for how a run, a campaign or a replay ended, and their meanings."""

from __future__ import annotations

from simqueue.model.explanation import Explanation


def _verdict(name: str, meaning: str, reason: str, no_violation: str, advice: str) -> Explanation:
    return Explanation(
        name=name,
        subject="verdict",
        meaning=meaning,
        reason=reason,
        no_violation=no_violation,
        advice=advice,
    )


VERDICTS: tuple[Explanation, ...] = (
    # How a run ends.
    _verdict(
        "passed",
        (
            "The run ended without a failure: its scenario returned, and what was owed by then "
            "happened."
        ),
        "A run is one schedule of many, so its passing says nothing of the others.",
        "",
        (
            "Run more seeds with `simqueue fuzz`, with faults too, and check that the campaign is "
            "not `inconclusive`."
        ),
    ),
    _verdict(
        "failed",
        (
            "The run ended with a failure: an `exception`, a broken invariant, a `deadlock`, a "
            "`livelock` or a `timeout`."
        ),
        (
            "The same seed, config and code fail again in the same way, so that the failure can "
            "be replayed, shrunk and fixed."
        ),
        "A failure that is `accepted` is counted, and does not fail the command.",
        (
            "Read the story from its end, make the run simpler with `simqueue shrink`, and look "
            "into it with `simqueue replay --pdb`."
        ),
    ),
    _verdict(
        "exception",
        "An exception reached the scenario or ended a worker's `run()`, and nothing handled it.",
        (
            "It is what a test or a supervisor would see: a failed assertion, or a worker that "
            "goes down."
        ),
        (
            "An error that an injected fault explains and that ends a worker: the worker is "
            "started again. An error that a job's handler raises: PgQueuer logs the job."
        ),
        (
            "Start at the line after `at` and the traceback of your own code. A RefusedError "
            "names what cannot be simulated and what to use instead."
        ),
    ),
    _verdict(
        "invariant",
        (
            "Something that has to hold in every run did not hold: one of simqueue's invariants, "
            "or a check of the scenario."
        ),
        "PgQueuer and the application rely on it, and mostly no exception tells of its loss.",
        "",
        (
            "The failure names the invariant: `simqueue explain` lists all of them. For "
            "`sim.always` and `sim.eventually` read the scenario's own predicate."
        ),
    ),
    _verdict(
        "deadlock",
        (
            "Nothing can ever run again, and the scenario has not ended: its tasks wait for each "
            "other or for something that never comes."
        ),
        "In production such tasks wait for ever, and no error is raised.",
        "A worker that waits for jobs: it looks for them again after its `dequeue_timeout`.",
        (
            "The failure lists the tasks that are left and the line at which each waits. Look for "
            "an Event that is never set, a lock that is never released, or a task that is never "
            "cancelled."
        ),
    ),
    _verdict(
        "livelock",
        (
            "Code keeps running: steps follow each other and at no moment all tasks wait, or one "
            "step does not return to the event loop within `Config.step_limit`."
        ),
        "Such code takes all of a processor, and the heartbeats of the same process stop.",
        "Work that is only slow: raise `Config.step_limit` or `Config.steps_per_instant_max`.",
        (
            "The failure names the line that ran. Look for a loop that awaits nothing or only "
            "`sleep(0)`, and for blocking calls in async code."
        ),
    ),
    _verdict(
        "timeout",
        (
            "The run reached `Config.limit` of virtual time, or `settled()` its own timeout, "
            "before the scenario was done."
        ),
        (
            "Something goes on for ever, or takes far longer than expected, though it does not "
            "stand still."
        ),
        "A long scenario: raise `Config.limit`, or the timeout of `settled()`.",
        (
            "The failure lists what is not done. Look for jobs that are retried for ever, and for "
            "work that no worker is there to do."
        ),
    ),
    # How a campaign ends.
    _verdict(
        "inconclusive",
        (
            "No run failed, and yet the campaign proves too little: no run showed something that "
            "it should have shown, a run was lost, or state outlives the runs. Exit status 4."
        ),
        "A green campaign in which the code of interest never ran would be mistaken for a proof.",
        "",
        (
            "The line names what is missing. Enqueue the jobs, start the workers, run more seeds, "
            "or switch that expectation off by its name (`--without`)."
        ),
    ),
    _verdict(
        "accepted",
        (
            "The failure's signature is in `.simqueue/known.toml`, with a reason, so that it is "
            "counted and does not fail the command."
        ),
        "A bug that has to stay for now would otherwise hide the next one.",
        "",
        "Remove the entry when the bug is fixed. `simqueue accept TRACE --reason TEXT` adds one.",
    ),
    _verdict(
        "stale",
        "A known failure did not occur in any run of the campaign.",
        "Its bug may be fixed, and an entry that stays would hide its return.",
        "A campaign with few runs, or without the faults that the failure takes.",
        "Remove the entry from `.simqueue/known.toml` if the bug is fixed.",
    ),
    _verdict(
        "lost",
        "The process that played a run did not live to report it.",
        "What the run would have shown is unknown, so that the campaign proves nothing about it.",
        "",
        (
            "The line says how the process ended. Look for code that kills its process or takes "
            "all memory, and play that run alone with `simqueue run --seed`."
        ),
    ),
    _verdict(
        "passes-alone",
        (
            "A run failed after other runs, and passes where no run came before it, because state "
            "outlives the runs."
        ),
        (
            "It is not a failure of the application: in production each process begins with fresh "
            "modules."
        ),
        "",
        (
            "The line names the globals, class attributes or fixtures that differ. Make them in "
            "the scenario."
        ),
    ),
    _verdict(
        "interrupted",
        "The campaign was ended by Ctrl-C, SIGTERM or the like before its runs were played.",
        "What it reports is true of the runs that were played, and of no others.",
        "",
        "Run the same command again; with `--resume` it goes on where it was.",
    ),
    # How a replay ends.
    _verdict(
        "reproduced",
        "The run repeated the trace event for event, with the same digest and the same outcome.",
        "It is the same run, so that what is seen in it happened in the recorded one.",
        "",
        (
            "Go on: `simqueue replay --pdb` stops where it fails, and `simqueue show` prints any "
            "part of it."
        ),
    ),
    _verdict(
        "drifted-alike",
        (
            "Something happened otherwise than in the trace, and the run still failed with the "
            "same signature."
        ),
        "The code was changed, or something outside the seed decided, and the bug is still there.",
        "",
        "Treat the bug as not fixed. Record the run again to have a trace that repeats exactly.",
    ),
    _verdict(
        "drifted-passed",
        (
            "Something happened differently than in the trace, and the run passed, but not "
            "everything that led to the failure happened again."
        ),
        "A changed program takes other steps, so that the failure may be fixed or only missed.",
        "",
        (
            "Run `simqueue fuzz` with the same faults to find out, or raise the number of "
            "variations with `--nearby`."
        ),
    ),
    _verdict(
        "gone",
        (
            "All that led to the failure was met again, the run passed beyond the time of the "
            "failure, and no variation of it fails in the same way."
        ),
        "This is as near to a proof of the fix as one trace comes.",
        "",
        "Keep the trace as a regression, or remove it if you agree, and run a campaign.",
    ),
    _verdict(
        "not-reproduced",
        "The run passes where no run came before it, and fails in the same way after another one.",
        "What decided lies outside the run, so that the trace cannot repeat it.",
        "",
        "The line names what outlives a run. Make it in the scenario, and record again.",
    ),
    _verdict(
        "different",
        "The run failed, and in another way than the trace.",
        "The change that was made may have put one failure in the place of another.",
        "",
        "Read the new failure as its own bug; the old one is not known to be fixed.",
    ),
    _verdict(
        "diverged",
        "With `--exact` the replay ended at the first event that differs from the trace.",
        "It shows where the program, or something outside the seed, first made a difference.",
        "",
        (
            "If the code changed, record again. If not, `simqueue audit` finds what decided "
            "outside the seed."
        ),
    ),
    # The result of a saved failure that was played again.
    _verdict(
        "fails",
        "A failure that was saved before fails again in the same way.",
        "Its bug is not fixed, or has come back.",
        "",
        "Fix it, or accept it with `simqueue accept` and a reason.",
    ),
    _verdict(
        "passes",
        "A failure that was saved before does not fail any more.",
        (
            "Saved failures are played before new seeds, so that a bug that comes back is seen at "
            "once."
        ),
        "",
        "Remove the file if you agree that the bug is fixed; files are never removed for you.",
    ),
    _verdict(
        "unreadable",
        (
            "A failure that was saved before could not be played: its file is damaged, or made by "
            "a release whose format is not read."
        ),
        "It would otherwise count as one that passes; the campaign is `inconclusive` instead.",
        "",
        "Restore the file from version control, or remove it.",
    ),
)
"""Every word that a command prints about how something ended."""
