"""The stage: plays single runs of a campaign's scenario."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from simqueue.choices import Calm, Source
from simqueue.choices.survey import Survey
from simqueue.errors import UsageError
from simqueue.model.config import Config
from simqueue.search.planning.assignment import Assignment, source_of
from simqueue.search.planning.strategy import Strategy
from simqueue.search.processes.clean import LostError, clean_for
from simqueue.search.processes.rehearsal import rehearse
from simqueue.sim.run import Run, Scenario, run


@dataclass(slots=True)
class Stage:
    """Plays the runs of a scenario. ``limit_s`` is None if runs have no process of their own."""

    scenario: Scenario
    seed: int
    config: Config
    target: str
    strategy: Strategy
    limit_s: float | None
    rehearsed: bool = False

    def play(self, assignment: Assignment) -> Run:
        """Play an assignment."""
        return self._run(assignment.seed, source_of(assignment))

    def survey(self, source: Survey) -> Run:
        """Play the first seed in this process, or, if runs have their own, in a clean process.

        A rehearsal has shown before that the process survives the run.
        """
        if self.limit_s is None:
            return self._run(self.seed, source)
        if not self.rehearsed:
            self._rehearse(self.limit_s)
        with clean_for(self.scenario) as clean:
            if clean is None:
                return self._run(self.seed, source)
            survey = partial(surveyed, source, self.seed, self.config, self.target)
            try:
                filled, played = clean.ask(self.scenario, survey)
            except LostError:
                return self._run(self.seed, source)
        vars(source).update(vars(filled))
        return played

    def _rehearse(self, limit_s: float) -> None:
        def play() -> Run:
            return self._run(self.seed, Calm())

        # The second attempt is for a process that was killed from outside.
        lost = rehearse(play, limit_s) and rehearse(play, limit_s)
        if lost:
            of_target = f" of {self.target}" if self.target else ""
            raise UsageError(
                f"the calm run{of_target}, which tells strategy {self.strategy} what there is to "
                f"choose, is lost: its process {lost}; choose strategy random"
            )
        self.rehearsed = True

    def _run(self, seed: int, source: Source) -> Run:
        return run(self.scenario, seed=seed, config=self.config, choices=source, target=self.target)


def surveyed(
    survey: Survey, seed: int, config: Config, target: str, scenario: Scenario
) -> tuple[Survey, Run]:
    """Play a run and record its picks; return the survey and the run."""
    return survey, run(scenario, seed=seed, config=config, choices=survey, target=target)
