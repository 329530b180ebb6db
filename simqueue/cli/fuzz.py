"""``simqueue fuzz``: campaigns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simqueue.cli.configs import Overrides, config_for, given
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
from simqueue.cli.records import takes
from simqueue.cli.summaries import JsonOption, JunitOption, write_reports
from simqueue.cli.terminations import Termination, terminable
from simqueue.search.budgets import SHRINK_RUNS
from simqueue.terminal import complain

if TYPE_CHECKING:
    from simqueue.cli.settings import Settings
    from simqueue.model.config import Config
    from simqueue.search.target import Target

_RUNS = 100


@dataclass(frozen=True, slots=True)
class FuzzOptions:
    """The options of `simqueue fuzz`."""

    targets: Annotated[
        list[str],
        typer.Argument(metavar="TARGET...", help="As for run, or a directory."),
    ]
    runs: Annotated[
        int | None,
        typer.Option(
            "--runs",
            min=1,
            callback=at_most_63_bits,
            metavar="N",
            help="Seeds per target; 100, or no end with --time.",
        ),
    ] = None
    seed: SeedOption = 0
    time_limit: Annotated[
        str | None,
        typer.Option("--time", metavar="TIME", help="Start no run after this much time: 50s, 5m."),
    ] = None
    processes: Annotated[
        int | None,
        typer.Option(
            "--processes",
            min=1,
            metavar="N",
            help="How many runs at a time; by default one for each core, and 1 with -s.",
        ),
    ] = None
    dask: Annotated[
        str | None,
        typer.Option(
            "--dask", metavar="ADDRESS", help="Run on a Dask cluster: its scheduler's address."
        ),
    ] = None
    run_limit: Annotated[
        str | None,
        typer.Option(
            "--run-limit",
            metavar="TIME",
            help="Give up a run, and its process, after this time; 5m with several processes.",
        ),
    ] = None
    show_output: Annotated[
        bool,
        typer.Option("-s", "--show-output", help="Show the output of runs; debuggers can be used."),
    ] = False
    strategy: StrategyOption = "auto"
    faults: FaultsOption = None
    without: WithoutOption = None
    overrides: Overrides = Overrides()  # noqa: RUF009  frozen
    known: KnownOption = None
    traces: TracesOption = ".simqueue/failures"
    no_regressions: Annotated[
        bool, typer.Option("--no-regressions", help="Do not play saved failures again first.")
    ] = False
    shrink_runs: Annotated[
        int,
        typer.Option(
            "--shrink-runs", min=0, metavar="N", help="Runs to spend on shrinking each failure."
        ),
    ] = SHRINK_RUNS
    part: Annotated[
        str | None,
        typer.Option("--shard", metavar="K/N", help="Play the K-th of N parts; see merge."),
    ] = None
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue a campaign that was started before.")
    ] = False
    state: Annotated[
        str, typer.Option("--state", metavar="DIR", help="Where the state of campaigns is kept.")
    ] = ".simqueue/campaigns"
    json: JsonOption = None
    junit: JunitOption = None

    def config(self, declared: Config | None) -> Config:
        """Return a target's config: the declared one, changed by the options."""
        return config_for(declared, self.faults, self.without, self.overrides)

    def processes_used(self) -> int:
        """Return how many runs are played at a time."""
        from simqueue.search.processes.workers import default_processes

        if self.processes is not None:
            return self.processes
        return 1 if self.dask is not None or self.show_output else default_processes()


@takes(FuzzOptions)
def fuzz_command(options: FuzzOptions) -> None:
    """Run many seeds; save and shrink the first failure of each kind; print how to replay it.

    Several targets are played in turns, a few runs each. Failures are printed when they are found;
    when the runs are over they are shrunk and printed again. Saved failures are played first.
    Failures accepted with `simqueue accept` are counted but do not fail the command. Exit status: 0
    no failure, 1 a failure was found, 4 inconclusive: the runs did not show everything that they
    should have shown.

    \b
    Examples:
      simqueue fuzz scenarios/ --runs 40 --time 45s
      simqueue fuzz tests/flaky.py:refunds --time 5m --processes 2
      simqueue fuzz tests/flaky.py --runs 100000 --shard 3/8 --resume
      simqueue fuzz tests/flaky.py --runs 100000 --dask tcp://10.0.0.5:8786
    """  # noqa: D301  the backspace keeps lines apart
    settings, targets = _prepared(options)
    with terminable() as termination:
        status = _play_all(targets, settings, termination, options)
    raise typer.Exit(status)


def _prepared(options: FuzzOptions) -> tuple[Settings, list[Target]]:
    """Check the options, load the targets, and return both; nothing is played yet."""
    from simqueue.check.panel import check_names
    from simqueue.search.target import load_targets

    home = Path.cwd()  # before a target is imported, which may change it
    settings = _settings(options, home)
    targets = {target.name: target for text in options.targets for target in load_targets(text)}
    configs = {name: options.config(target.config) for name, target in targets.items()}
    for config in configs.values():
        check_names(config)
    return replace(settings, configs=configs), list(targets.values())


def _settings(options: FuzzOptions, home: Path) -> Settings:
    """Return the settings without the targets' configs; refuse options that make no sense."""
    from simqueue.check.panel import check_names
    from simqueue.cli.settings import Allowance, Settings
    from simqueue.search.campaign.known import DEFAULT_FILE, load_known
    from simqueue.search.planning.strategy import Strategy

    limit = None if options.time_limit is None else duration(options.time_limit)
    run_limit = options.run_limit and duration(options.run_limit, "--run-limit")
    this_shard = (1, 1) if options.part is None else shard(options.part)
    check_names(options.config(None))
    strategy = str(Strategy.named(options.strategy))
    _check_files(options)
    return Settings(
        runs=options.runs or (_RUNS if limit is None else SEED_MAX - options.seed),
        total=None if options.runs is None and limit is not None else options.runs or _RUNS,
        seed=options.seed,
        shard=this_shard,
        strategy=strategy,
        configs={},
        known=load_known(options.known or DEFAULT_FILE, missing_ok=options.known is None),
        processes=options.processes_used(),
        dask=options.dask,
        run_limit=run_limit or None,
        allowance=Allowance(limit),
        state=home / options.state,
        resume=options.resume,
        home=home,
        traces=home / options.traces,
        regressions=not options.no_regressions,
        shrink_runs=options.shrink_runs,
        capture=not options.show_output,
        options=given(options.faults, options.without, options.overrides),
    )


def _check_files(options: FuzzOptions) -> None:
    from simqueue.search.campaign.known import DEFAULT_FILE
    from simqueue.search.saved import check_directory

    check_directory(options.traces)
    check_outputs(
        {"--json": options.json, "--junit": options.junit},
        targets=options.targets,
        known=[options.known or DEFAULT_FILE, DEFAULT_FILE],
        saved=options.traces,
        kept=options.state,
    )


def _play_all(
    targets: Sequence[Target], settings: Settings, termination: Termination, options: FuzzOptions
) -> int:
    """Play the campaigns, and write the reports; return the exit status."""
    from simqueue.cli.campaigns import play_targets

    summaries, cluster_error = play_targets(targets, settings)
    status = write_reports(
        summaries, settings.home, options.json, options.junit, termination.status
    )
    if cluster_error is not None:
        raise cluster_error
    if any(summary.interrupted for summary in summaries):
        complain(termination.word)
    return status


def play_command(
    work: Annotated[str, typer.Argument(help="As JSON.")],
    leash: Annotated[int, typer.Argument(help="A pipe that is closed when this is to end.")],
) -> None:
    """Play the requests from standard input, and answer on standard output."""
    from simqueue.search.dask.playing import play_for_others

    play_for_others(work, leash)
