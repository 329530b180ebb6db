"""Expectations: events that some run of a campaign must have, so that its passing is meaningful.

An invariant judges one run. An expectation judges a campaign: where none of its runs meets one, the
campaign is inconclusive. ``Config.without`` switches both off by name.
"""

from __future__ import annotations

from typing import Literal, get_args

from simqueue.model.explanation import Explanation

Expectation = Literal[
    "workers-start",
    "entrypoints-run",
    "schedules-run",
    "handlers-return",
    "jobs-have-workers",
    "held-jobs-are-seen",
]

EXPECTATIONS: tuple[Expectation, ...] = get_args(Expectation)


def _expectation(
    name: Expectation, meaning: str, reason: str, advice: str, *, no_violation: str = ""
) -> Explanation:
    return Explanation(
        name=name,
        subject="expectation",
        meaning=meaning,
        reason=reason,
        no_violation=no_violation,
        advice=f"{advice} `--without {name}` switches this off.",
    )


EXPLANATIONS: tuple[Explanation, ...] = (
    _expectation(
        "workers-start",
        "Each worker becomes ready in at least one run of a campaign.",
        "A worker that ends before it is ready runs no job, and no invariant can fail.",
        "The line says with which error the worker ended. Mend its registration code or its "
        "connection, or let the scenario go on until it is ready.",
    ),
    _expectation(
        "entrypoints-run",
        "The handler of each entrypoint that a worker registers starts in at least one run.",
        "A handler that never runs is not tested, however many runs pass.",
        "Enqueue a job for the entrypoint; if there are jobs that wait, let the scenario wait for "
        "them with `sim.settled()`.",
    ),
    _expectation(
        "schedules-run",
        "Each schedule that a worker registers comes due in at least one run.",
        "A schedule that never comes due is not tested.",
        "Let virtual time pass beyond its next tick, for example with `asyncio.sleep`.",
    ),
    _expectation(
        "handlers-return",
        "A handler that raises also returns in at least one run.",
        "A handler that always raises is mostly a mistake in the scenario, such as a missing "
        "resource, and the work behind it is not tested.",
        "Read the errors that the line names, and give the handler what it needs.",
    ),
    _expectation(
        "jobs-have-workers",
        "Jobs that stay queued are of entrypoints that some worker registers.",
        "A job of a misspelt or missing entrypoint waits for ever, in production too.",
        "Register the entrypoint, or correct its name where the job is enqueued.",
    ),
    _expectation(
        "held-jobs-are-seen",
        'A scenario whose jobs fail and are held (`on_failure="hold"`) looks at them.',
        "Held jobs leave no error behind, so that a scenario passes though its work was not done.",
        "Check `sim.queries.list_failed_jobs()`, or call `settled(held=False)` to fail then, or "
        "`settled(held=True)` to allow it.",
    ),
)
"""The meaning of each of them."""
