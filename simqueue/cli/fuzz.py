"""``simqueue fuzz``: a campaign."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simqueue.cli.configs import Overrides, config_for, given, takes_config
from simqueue.cli.durations import duration
from simqueue.cli.options import (
    SEED_MAX,
    FaultsOption,
    KnownOption,
    SeedOption,
    StrategyOption,
    TracesOption,
    WithoutOption,
    at_most_63_bits,
    shard,
)
from simqueue.cli.outputs import check_outputs
from simqueue.cli.summaries import JsonOption, JunitOption, write_reports
from simqueue.cli.terminations import Termination, terminable
from simqueue.search.budgets import SHRINK_RUNS
from simqueue.terminal import complain

if TYPE_CHECKING:
    from simqueue.cli.settings import Settings
    from simqueue.search.target import Target

_RUNS = 100


@takes_config
def fuzz_command(
    targets: Annotated[
        list[str],
        typer.Argument(metavar="TARGET...", help="As for run, or a directory."),
    ],
    runs: Annotated[
        int | None,
        typer.Option(
            "--runs",
            min=1,
            callback=at_most_63_bits,
            metavar="N",
            help="Seeds per target; 100, or no end with --time.",
        ),
    ] = None,
    seed: SeedOption = 0,
    processes: Annotated[
        int, typer.Option("--processes", min=1, metavar="N", help="How many runs at a time.")
    ] = 1,
    dask: Annotated[
        str | None,
        typer.Option(
            "--dask", metavar="ADDRESS", help="Run on a Dask cluster: its scheduler's address."
        ),
    ] = None,
    time_limit: Annotated[
        str | None, typer.Option("--time", metavar="60s", help="Begin no run after this much time.")
    ] = None,
    run_limit: Annotated[
        str | None,
        typer.Option(
            "--run-limit",
            metavar="5m",
            help="Give up a run that takes longer, with its process; 5m with --processes.",
        ),
    ] = None,
    strategy: StrategyOption = "auto",
    faults: FaultsOption = None,
    without: WithoutOption = None,
    overrides: Overrides = Overrides(),  # noqa: B008  frozen
    known: KnownOption = None,
    traces: TracesOption = ".simqueue/failures",
    no_regressions: Annotated[
        bool, typer.Option("--no-regressions", help="Do not play saved failures again first.")
    ] = False,
    shrink_runs: Annotated[
        int,
        typer.Option(
            "--shrink-runs", min=0, metavar="N", help="Runs to spend on shrinking each failure."
        ),
    ] = SHRINK_RUNS,
    part: Annotated[
        str | None,
        typer.Option("--shard", metavar="K/N", help="Play the K-th of N parts; see merge."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a campaign that was begun before.")
    ] = False,
    state: Annotated[
        str, typer.Option("--state", metavar="DIR", help="Where the state of campaigns is kept.")
    ] = ".simqueue/campaigns",
    json: JsonOption = None,
    junit: JunitOption = None,
) -> None:
    """Run many seeds; save and shrink the first failure of each kind; print how to replay it.

    Failures that were saved before are played again first. Failures accepted with `simqueue accept`
    are counted but do not fail the command. Exit status: 0 no failure, 1 a failure was found, 4
    inconclusive: the runs did not show everything that they should have shown.

    \b
    Examples:
      simqueue fuzz scenarios/ --runs 40
      simqueue fuzz tests/flaky.py:refunds --time 5m --processes 2
      simqueue fuzz tests/flaky.py --runs 100000 --shard 3/8 --resume
      simqueue fuzz tests/flaky.py --runs 100000 --dask tcp://10.0.0.5:8786
    """  # noqa: D301  the backspace keeps lines apart
    from simqueue.check.panel import check_names

    limit = None if time_limit is None else duration(time_limit)
    limit_of_run = None if run_limit is None else duration(run_limit, "--run-limit")
    this_shard = (1, 1) if part is None else shard(part)
    check_names(config_for(None, faults, without, overrides))
    from simqueue.cli.settings import Allowance, Settings
    from simqueue.search.campaign.known import DEFAULT_FILE, load_known
    from simqueue.search.planning.strategy import Strategy
    from simqueue.search.saved import check_directory
    from simqueue.search.target import load_targets

    strategy = str(Strategy.named(strategy))
    check_directory(traces)
    home = Path.cwd()
    check_outputs(
        {"--json": json, "--junit": junit},
        targets=targets,
        known=[known or DEFAULT_FILE, DEFAULT_FILE],
        saved=traces,
        kept=state,
    )
    accepted = load_known(known or DEFAULT_FILE, missing_ok=known is None)
    found = {target.name: target for text in targets for target in load_targets(text)}
    configs = {
        name: config_for(target.config, faults, without, overrides)
        for name, target in found.items()
    }
    for config in configs.values():
        check_names(config)
    settings = Settings(
        runs=runs or (_RUNS if limit is None else SEED_MAX - seed),
        total=None if runs is None and limit is not None else runs or _RUNS,
        seed=seed,
        shard=this_shard,
        strategy=strategy,
        configs=configs,
        known=accepted,
        processes=processes,
        dask=dask,
        run_limit=limit_of_run,
        allowance=Allowance(limit),
        state=home / state,
        resume=resume,
        home=home,
        traces=home / traces,
        regressions=not no_regressions,
        shrink_runs=shrink_runs,
        options=given(faults, without, overrides),
    )
    with terminable() as termination:
        status = _play_all(list(found.values()), settings, termination, json, junit)
    raise typer.Exit(status)


def _play_all(
    targets: Sequence[Target],
    settings: Settings,
    termination: Termination,
    json: str | None,
    junit: str | None,
) -> int:
    """Play the targets one after another, and write the reports; return the exit status."""
    from simqueue.cli.campaigns import play_target
    from simqueue.search.processes.clean import clean_for

    played = []
    with clean_for(*(target.scenario for target in targets)):
        for number, target in enumerate(targets):
            summary, cut = play_target(target, settings, targets_left=len(targets) - number)
            played.append(summary)
            if summary.interrupted:
                break
    status = write_reports(played, settings.home, json, junit, termination.status)
    if cut is not None:
        raise cut
    if summary.interrupted:
        complain(termination.word)
    return status


def play_command(
    work: Annotated[str, typer.Argument(help="As JSON.")],
    leash: Annotated[int, typer.Argument(help="A pipe that is closed when this is to end.")],
) -> None:
    """Play what standard input asks for, and answer on standard output."""
    from simqueue.search.dask.playing import play_for_others

    play_for_others(work, leash)
