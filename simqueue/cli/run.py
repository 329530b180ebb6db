"""``simqueue run``: one run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simqueue.cli.configs import Overrides, config_for, given
from simqueue.cli.options import (
    FaultsOption,
    SeedOption,
    StrategyOption,
    TargetArgument,
    VerboseOption,
    WithoutOption,
)
from simqueue.cli.outputs import check_outputs
from simqueue.cli.painting import tell
from simqueue.cli.records import takes
from simqueue.cli.terminations import terminable
from simqueue.cli.trusting import replay_line
from simqueue.errors import UsageError
from simqueue.terminal import say

if TYPE_CHECKING:
    from simqueue.search.planning.strategy import Strategy
    from simqueue.sim.run import Run


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of `simqueue run`."""

    target: TargetArgument
    seed: SeedOption = 0
    trace: Annotated[
        str | None,
        typer.Option(
            "--trace",
            metavar="FILE",
            help="Where to write the run's trace; compressed if the name ends in .gz.",
        ),
    ] = None
    strategy: StrategyOption = "random"
    faults: FaultsOption = None
    without: WithoutOption = None
    overrides: Overrides = Overrides()  # noqa: RUF009  frozen
    verbose: VerboseOption = False


@takes(RunOptions)
def run_command(options: RunOptions) -> None:
    """Run a scenario once. Exit status: 0 it passed, 1 it failed.

    \b
    Example:
      simqueue run scenarios/lost_update.py --seed 7 --trace run.json
    """  # noqa: D301  the backspace keeps lines apart
    from simqueue.search.planning.strategy import Strategy

    config_for(None, options.faults, options.without, options.overrides)  # before any import
    check_outputs({"--trace": options.trace}, targets=[options.target])
    home = Path.cwd()  # before the target is imported, which may change it
    search = Strategy.named(options.strategy)
    with terminable():
        played = _played(options, search)
        _save_and_report(played, options, home)
    raise typer.Exit(0 if played.passed else 1)


def _played(options: RunOptions, search: Strategy) -> Run:
    from simqueue.cli.live import printer
    from simqueue.search.planning.assignment import source_of
    from simqueue.search.target import load_target
    from simqueue.sim.run import run

    target = load_target(options.target)
    config = config_for(target.config, options.faults, options.without, options.overrides)
    play = partial(run, target.scenario, seed=options.seed, config=config, target=target.name)
    source = source_of(search.assignment(options.seed, lambda survey: play(choices=survey)))
    return play(choices=source, watch=printer() if options.verbose else None)


def _save_and_report(played: Run, options: RunOptions, home: Path) -> None:
    from simqueue.search.target import as_word

    again = f"simqueue run {as_word(played.target)} --seed {options.seed}"
    again += given(options.faults, options.without, options.overrides, options.strategy)
    if options.trace is None:
        _report(played, again)
        return
    try:
        played.trace.save(home / options.trace)
    except UsageError:
        _report(played, again)  # a failure is printed although its trace is not saved
        raise
    _report(played, replay_line(options.trace, played.target, home))


def _report(played: Run, again: str) -> None:
    from simqueue.report.story.story import render_headline, render_story

    if not played.passed:
        tell(render_story(played.trace, again=again))
        return
    simulated = played.simulated.total_seconds()
    say(render_headline(played.trace))
    say(
        f"{simulated:.6f} s simulated in {played.elapsed:.2f} s, {len(played.events)} events, "
        f"digest {played.digest}"
    )
