"""Results of searches and comparisons of runs, as records to print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simqueue.model.choice import Choice
from simqueue.model.trace import Trace


@dataclass(frozen=True, slots=True)
class Difference:
    """The first difference between two runs.

    ``number`` is the event's number, or the number of events if all of them are equal. ``one`` and
    ``other`` describe the event of each run at that place, ``actor`` is its worker.
    """

    number: int
    one: str
    other: str
    actor: str


# --- replays --------------------------------------------------------------------------------------

Verdict = Literal[
    "reproduced", "drifted-alike", "drifted-passed", "gone", "not-reproduced", "different"
]
"""The result of a replay.

``reproduced``      every event, the digest and the outcome are those of the trace
``drifted-alike``   the run differs, and still failed with the same signature: with the trace's
                    choices, with some of them moved a little, or with those of a seed;
                    ``Replay.moved`` and ``Replay.nearby`` tell which
``drifted-passed``  the run differs, and passed; whether the failure is gone is not known, because
                    part of what led to it did not happen again
``gone``            the run passed and continued beyond the time of the failure, although everything
                    that led to the failure happened again: every recorded event, or a request for
                    every recorded choice at about the same step and time; and none of the
                    variations and seeds that were played fails the same way
``not-reproduced``  the run passed in a process without earlier runs, and failed the same way after
                    another run: the cause lies outside the run
``different``       the run failed, and not as the trace did
"""


@dataclass(frozen=True, slots=True)
class Move:
    """A choice of a trace, and the position and value that replace its own in another run."""

    choice: Choice
    position: int
    value: int


@dataclass(frozen=True, slots=True)
class Variations:
    """How many variations of a trace were played, and how they ended.

    Attributes:
        seed: the seed that drew the choices of the run that failed the same way; None if no run
            did, or if its choices were the trace's.
        variations: number of runs with the trace's choices, some of them moved.
        seeds: number of runs with the choices of a seed.
        others: number of all these that failed in other ways.
        unmet: choices of the trace that were not requested again, whether by position or anchored:
            the shorter list of the two.
    """

    seed: int | None = None
    variations: int = 0
    seeds: int = 0
    others: int = 0
    unmet: tuple[Choice, ...] = ()

    @property
    def runs(self) -> int:
        """Number of runs that were played."""
        return self.variations + self.seeds


@dataclass(frozen=True, slots=True)
class Replayed:
    """A trace, the trace of the run that repeated it, and how they compare.

    ``cause`` explains the verdict ``not-reproduced``. ``audit`` is the command that finds sets
    whose order decides, if the trace's target can be audited.
    """

    verdict: Verdict
    trace: Trace
    again: Trace
    divergence: Difference | None
    moved: tuple[Move, ...] = ()
    variations: Variations | None = None
    cause: str = ""
    audit: str = ""


Fate = Literal["fails", "accepted", "different", "passes"]
"""The result of a saved failure that was played again.

``fails``      it still fails the same way
``accepted``   it fails in the same way or another one, and that failure is accepted
``different``  it fails in another way
``passes``     it does not fail any more
"""


# --- shrinking ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shrinking:
    """The number of deviations from the calm schedule before and after, and the cost.

    ``minimal``: without any one of those that are left, the run is known not to fail that way.
    """

    before: int
    after: int
    runs: int
    minimal: bool


# --- when a failure became inevitable -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Odds:
    """How the continuations from the events ``first`` to ``last`` ended.

    No choice was made between those events, so all of them give the same continuations. ``first``
    is -1 for the start of the run. ``same`` of ``played`` failed as the trace did, ``others`` in
    other ways.
    """

    first: int
    last: int
    played: int
    same: int
    others: int

    @property
    def passed(self) -> int:
        """Number of continuations that passed."""
        return self.played - self.same - self.others


@dataclass(frozen=True, slots=True)
class Inevitable:
    """The event after which a failure could not be avoided, and the cost of finding it.

    Attributes:
        trace: of the run as it is played now; events are numbered as in this trace.
        continuations: number of runs played from each point that counts.
        since: the first event after which all of them failed the same way; -1 if they do from the
            start, and the number of events if a choice after the last event decided.
        before: the odds of the point before, from which one did not fail that way; None if there is
            no such point.
        odds: of some points, in order: the start, those around the last deviations, some between
            which the odds change, and last the point itself.
        nothing_left: no choice was made after event ``since``: the run could be saved to the end.
        settled: False if the runs or the time ended before the answer was known; the failure was
            inevitable after ``since``, but perhaps also after an earlier event.
        runs: number of runs that were played, that of the trace included.
    """

    trace: Trace
    continuations: int
    since: int
    before: Odds | None
    odds: tuple[Odds, ...]
    nothing_left: bool
    settled: bool
    runs: int


# --- the nearest run that passes ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """A choice that two runs make differently: ``there`` in one, ``here`` in the other.

    None is the calm choice.
    """

    there: Choice | None
    here: Choice | None


@dataclass(frozen=True, slots=True)
class Nearest:
    """A failing run, the most similar run that passes, and the cost of finding it.

    Attributes:
        trace: of the failing run, as it is played now.
        passing: the other run, None if none was found.
        changes: the choices of the failing run (``there``) and of the passing one (``here``) where
            they differ; one, unless no run that differs in one choice was found to pass.
        parted: number of the first event that they do not share.
        put_back: number of runs played with one deviation set back to calm.
        moved: number of runs with one choice set to another value.
        continued: number of runs that continued with fresh choices from some event, or with a part
            of those.
        others: number of all these that failed in another way than the trace.
        settled: False if the runs or the time ended before every promising change was tried.
    """

    trace: Trace
    passing: Trace | None = None
    changes: tuple[Change, ...] = ()
    parted: int = 0
    put_back: int = 0
    moved: int = 0
    continued: int = 0
    others: int = 0
    settled: bool = False

    @property
    def runs(self) -> int:
        """Number of runs that were played, that of the trace included."""
        return 1 + self.put_back + self.moved + self.continued
