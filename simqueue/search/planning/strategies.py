"""The strategies of campaigns, one row each.

``STRATEGIES`` is the only list of them: ``--strategy``, its help, its errors and the guide derive
from it. To add a strategy, write a module with a function that returns its plan, and add a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from simqueue.model.explanation import Explanation

DEFAULT = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One strategy.

    ``letter`` stands for its number in help; without one it takes no number. ``takes_picks``: a
    second number may follow, the number of choices of a run. ``for_one_run``: one run can be played
    by it without the others of a campaign. ``function`` is ``module:function``, a ``Planner`` of
    ``plans``; it is imported when it is called, so that `simqueue --help` is fast.
    """

    name: str
    letter: str = ""
    takes_picks: bool = False
    for_one_run: bool = False
    function: str
    meaning: str
    reason: str
    no_violation: str = ""
    advice: str

    @property
    def usage(self) -> str:
        """The name as help shows it, such as ``pct:D``."""
        return f"{self.name}:{self.letter}" if self.letter else self.name

    @property
    def explanation(self) -> Explanation:
        """What `simqueue explain NAME` prints."""
        return Explanation(
            name=self.name,
            subject="strategy",
            meaning=self.meaning,
            reason=self.reason,
            no_violation=self.no_violation,
            advice=self.advice,
        )

    def planner(self) -> Any:
        """Import the function that returns the plan of a campaign."""
        module, _, name = self.function.partition(":")
        return getattr(import_module(module), name)


STRATEGIES: tuple[Row, ...] = (
    Row(
        name="auto",
        function="simqueue.search.planning.plans:plan_auto",
        meaning=(
            "Plays random runs and runs by priority (`pct`) in turn, and one calm run, the third."
        ),
        reason=(
            "Some bugs need many small delays, which random runs have; others need few orderings "
            "at exact moments, which `pct` meets more often. Taking turns costs at most twice the "
            "runs of the better one."
        ),
        advice="The default of campaigns. Choose another one only if you know why.",
    ),
    Row(
        name="random",
        for_one_run=True,
        function="simqueue.search.planning.plans:plan_random",
        meaning=(
            "Draws every choice of a run from its seed; how often each kind of choice deviates "
            "from calm is drawn from the seed, too."
        ),
        reason=(
            "Runs differ in kind, not only in detail: some reorder tasks and delay no message, "
            "others do nothing else. Bugs that many small deviations bring about are found so."
        ),
        advice="Use it to look for bugs without an idea what they may be, and for a single run.",
    ),
    Row(
        name="pct",
        letter="D",
        takes_picks=True,
        for_one_run=True,
        function="simqueue.search.planning.plans:plan_pct",
        meaning=(
            "Gives each task a random priority, applied as message delay and as order, and demotes "
            "the running task at D - 1 random choices (probabilistic concurrency testing)."
        ),
        reason=(
            "A bug that needs D orderings among n tasks in a run of k choices is met by a run with "
            "a probability of at least 1 / (n * k^(D - 1)), which `fuzz` prints. Random delays "
            "give no such bound."
        ),
        no_violation=(
            "The bound holds for orderings that the allowed delays can bring about. Faults and "
            "values that the scenario draws still come from the seed."
        ),
        advice=(
            "Use `pct:2` or `pct:3` for bugs of few orderings. A second number, `pct:2:4096`, "
            "gives the number of choices of a run; without it a calm run counts them."
        ),
    ),
    Row(
        name="exhaustive",
        letter="K",
        function="simqueue.search.planning.plans:plan_exhaustive",
        meaning=(
            "Plays every schedule with at most K deviations from calm, those with fewer first."
        ),
        reason=(
            "If it ends, no schedule with at most K deviations fails: `fuzz` then prints that they "
            "are covered. Sampling can never say so."
        ),
        no_violation=(
            "Values with more than 65,536 options, such as `sim.random`, keep their calm value; "
            "`fuzz` names them."
        ),
        advice=(
            "Use `exhaustive:1` for short scenarios with few workers. Each K multiplies the runs "
            "by the number of choices."
        ),
    ),
    Row(
        name="calm",
        for_one_run=True,
        function="simqueue.search.planning.plans:plan_calm",
        meaning=("Plays runs that never deviate: asyncio's own order, constant delays, no faults."),
        reason=(
            "It shows what the application does when nothing goes wrong, and finds bugs that need "
            "no timing."
        ),
        advice=(
            "Use it to try a new scenario. All its runs make the same choices, so that one is "
            "enough."
        ),
    ),
)
"""Every strategy, in the order of help."""

STRATEGY_OF: dict[str, Row] = {row.name: row for row in STRATEGIES}
"""The strategies by name."""


def listed() -> str:
    """Return the names for help: ``auto, random, pct:D, exhaustive:K or calm``."""
    *names, last = (row.usage for row in STRATEGIES)
    return f"{', '.join(names)} or {last}"
