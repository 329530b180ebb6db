"""Expectations: what some run of a campaign has to show, so that its passing means something.

An invariant judges one run. An expectation judges a campaign: where none of its runs meets one, the
campaign is inconclusive. ``Config.without`` switches both off by name.
"""

from __future__ import annotations

from typing import Literal, get_args

Expectation = Literal[
    "workers-start",
    "entrypoints-run",
    "schedules-run",
    "handlers-return",
    "jobs-have-workers",
    "held-jobs-are-seen",
]
"""
``workers-start``       each worker becomes ready
``entrypoints-run``     the handler of each entrypoint that a worker registers starts
``schedules-run``       each schedule that a worker registers comes due
``handlers-return``     a handler that raises returns at least once, too
``jobs-have-workers``   jobs that stay queued are of entrypoints that some worker registers
``held-jobs-are-seen``  a scenario whose jobs are held (``on_failure="hold"``) looks at them
"""

EXPECTATIONS: tuple[Expectation, ...] = get_args(Expectation)
