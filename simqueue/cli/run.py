"""``simqueue run``: one run."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simqueue.cli.configs import Overrides, config_for, given, takes_config
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
from simqueue.cli.terminations import terminable
from simqueue.cli.trusting import replay_line
from simqueue.errors import UsageError
from simqueue.terminal import say

if TYPE_CHECKING:
    from simqueue.sim.run import Run


@takes_config
def run_command(
    target: TargetArgument,
    seed: SeedOption = 0,
    trace: Annotated[
        str | None,
        typer.Option(
            "--trace",
            metavar="FILE",
            help="Where to write the run's trace; compressed if the name ends in .gz.",
        ),
    ] = None,
    strategy: StrategyOption = "random",
    faults: FaultsOption = None,
    without: WithoutOption = None,
    overrides: Overrides = Overrides(),  # noqa: B008  frozen
    verbose: VerboseOption = False,
) -> None:
    """Run a scenario once. Exit status: 0 it passed, 1 it failed.

    \b
    Example:
      simqueue run scenarios/lost_update.py --seed 7 --trace run.json
    """  # noqa: D301  the backspace keeps lines apart
    config_for(None, faults, without, overrides)  # before a module is imported
    check_outputs({"--trace": trace}, targets=[target])
    # Now: what is imported and run may change the current directory.
    home = Path.cwd()
    file = None if trace is None else home / trace
    from simqueue.cli.live import printer
    from simqueue.search.planning.assignment import source_of
    from simqueue.search.planning.strategy import Strategy
    from simqueue.search.target import as_word, load_target
    from simqueue.sim.run import run

    search = Strategy.named(strategy)
    with terminable():
        found = load_target(target)
        config = config_for(found.config, faults, without, overrides)
        play = partial(run, found.scenario, seed=seed, config=config, target=found.name)
        source = source_of(search.assignment(seed, lambda survey: play(choices=survey)))
        played = play(choices=source, watch=printer() if verbose else None)
        again = f"simqueue run {as_word(found.name)} --seed {seed}"
        again += given(faults, without, overrides, strategy)
        if trace is None or file is None:
            _report(played, again)
        else:
            try:
                played.trace.save(file)
            except UsageError:
                _report(played, again)  # what was found is not lost with the file
                raise
            _report(played, replay_line(trace, found.name, home))
    raise typer.Exit(0 if played.passed else 1)


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
