"""The strategies of campaigns, one row each.

``STRATEGIES`` is the only list of them: ``--strategy``, its help, its errors and the guide derive
from it. To add a strategy, write a function that returns its plan, and add a row here. Functions
import what they need, so that `simqueue --help` is fast.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simqueue.model.explanation import Explanation

if TYPE_CHECKING:
    from simqueue.choices.survey import Survey
    from simqueue.search.planning.assignment import ByPriority, Script
    from simqueue.search.planning.plan import Plan
    from simqueue.search.planning.share import Share
    from simqueue.sim.run import Run

Play = Callable[["Survey"], "Run"]
"""Plays the campaign's first seed with a survey of its choices."""

Planner = Callable[[int, int, "Share", Play], "Plan"]
"""Takes the strategy's numbers (0 if not given), the share, and a function that plays a survey."""

DEFAULT = "auto"

_HORIZONS = (1024, 4096, 256, 2048, 16384, 512, 8192)
"""For how many choices of a run ``auto`` draws the moments of its ``pct`` runs, in turn: to count
the choices of a calm run would cost a run."""

_DEPTHS = (2, 2, 2, 3)
_CALM = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One strategy.

    ``letter`` stands for its number in help; without one it takes no number. ``takes_picks``: a
    second number may follow, the number of choices of a run. ``for_one_run``: one run can be played
    by it without the others of a campaign. ``plan`` returns which runs a campaign plays.
    """

    name: str
    letter: str = ""
    takes_picks: bool = False
    for_one_run: bool = False
    plan: Planner
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


def _plan_auto(number: int, picks: int, share: Share, play: Play) -> Plan:
    from simqueue.search.planning.plan import Independent

    return Independent(share.numbers(), lambda number: portfolio(number - share.first))


def portfolio(place: int) -> Script:
    """Return how ``auto`` makes the ``place``-th run of a campaign.

    Random runs and those by priority take turns, so that where one of the two is blind the other
    takes at most twice the runs. The third is calm: it finds what takes no timing, and costs least.
    """
    from simqueue.search.planning.assignment import AsGiven, ByPriority, FromSeed

    if place == _CALM:
        return AsGiven({})
    if place % 2 == 0:
        return FromSeed()
    turn = place // 2
    return ByPriority(_DEPTHS[turn % len(_DEPTHS)], _HORIZONS[turn % len(_HORIZONS)])


def _plan_random(number: int, picks: int, share: Share, play: Play) -> Plan:
    from simqueue.search.planning.assignment import FromSeed
    from simqueue.search.planning.plan import Independent

    return Independent(share.numbers(), lambda _: FromSeed())


def _plan_pct(depth: int, picks: int, share: Share, play: Play) -> Plan:
    from simqueue.search.planning.assignment import ByPriority
    from simqueue.search.planning.plan import Independent

    script = ByPriority(depth, picks or count_picks(play))
    return Independent(share.numbers(), lambda _: script, [_bound(script)])


def count_picks(play: Play) -> int:
    """Return how many choices a calm run has."""
    from simqueue.choices import Calm
    from simqueue.choices.survey import Survey

    return play(Survey(Calm())).made


def _bound(script: ByPriority) -> str:
    return (
        f"pct: in runs of {script.picks} choices a bug that {script.depth} orderings among n tasks "
        "bring about, each within the delays allowed, is met by a run with a probability of at "
        f"least 1 / (n * {script.picks}^{script.depth - 1})"
    )


def _plan_exhaustive(most: int, picks: int, share: Share, play: Play) -> Plan:
    from simqueue.search.planning.exhaustive import Exhaustive

    return Exhaustive(most, share, play)


def _plan_calm(number: int, picks: int, share: Share, play: Play) -> Plan:
    from simqueue.search.planning.assignment import AsGiven
    from simqueue.search.planning.plan import Independent

    return Independent(share.numbers(), lambda _: AsGiven({}))


STRATEGIES: tuple[Row, ...] = (
    Row(
        name="auto",
        plan=_plan_auto,
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
        plan=_plan_random,
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
        plan=_plan_pct,
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
            "`pct:2` or `pct:3` for bugs of few orderings. A second number, `pct:2:4096`, gives "
            "the number of choices of a run; without it a calm run counts them."
        ),
    ),
    Row(
        name="exhaustive",
        letter="K",
        plan=_plan_exhaustive,
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
            "`exhaustive:1` for short scenarios with few workers. Each K multiplies the runs by "
            "the number of choices."
        ),
    ),
    Row(
        name="calm",
        for_one_run=True,
        plan=_plan_calm,
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
