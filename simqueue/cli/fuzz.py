"""``simqueue fuzz``: a campaign."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simqueue.cli.options import (
    SEED_MAX,
    FaultsOption,
    KnownOption,
    SeedOption,
    StrategyOption,
    WithoutOption,
    config_with,
    duration,
    given,
)
from simqueue.errors import ClusterError, UsageError

if TYPE_CHECKING:
    from simqueue.model.config import Config
    from simqueue.search.campaign import Campaign, Found
    from simqueue.search.known import Known
    from simqueue.search.target import Target

_RUNS = 100
_FAILED, _INCONCLUSIVE, _INTERRUPTED = 1, 4, 130
_STORY_TAIL = 12
_REFRESH_S = 0.1

Progress = Callable[["Campaign"], None]


def fuzz_command(
    targets: Annotated[
        list[str],
        typer.Argument(metavar="TARGET...", help="As for run, or a directory."),
    ],
    runs: Annotated[
        int | None,
        typer.Option(
            "--runs", min=1, max=SEED_MAX, help="Seeds per target; 100, or no end with --time."
        ),
    ] = None,
    seed: SeedOption = 0,
    processes: Annotated[
        int, typer.Option("--processes", min=1, help="How many runs at a time.")
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
    strategy: StrategyOption = "auto",
    faults: FaultsOption = "none",
    without: WithoutOption = None,
    known: KnownOption = None,
    traces: Annotated[
        str, typer.Option("--traces", metavar="DIR", help="Where failures are saved.")
    ] = ".simqueue/failures",
) -> None:
    """Run many seeds; save the first failure of each kind, and print how to replay it.

    Failures that `simqueue accept` made known are counted, and are none. Exit status: 0 no failure,
    1 a failure was found, 4 inconclusive: something never came that the runs should have come to.

    \b
    Examples:
      simqueue fuzz scenarios/ --runs 40
      simqueue fuzz tests/flaky.py:refunds --time 5m --processes 2
      simqueue fuzz tests/flaky.py --runs 100000 --dask tcp://10.0.0.5:8786
    """  # noqa: D301  the backspace keeps lines apart
    limit = None if time_limit is None else duration(time_limit)
    config = config_with(faults, without)
    from simqueue.search.failures import check_directory
    from simqueue.search.known import DEFAULT_FILE, load_known
    from simqueue.search.strategy import Strategy
    from simqueue.search.target import load_targets

    Strategy.named(strategy)
    check_directory(traces)
    accepted = load_known(known or DEFAULT_FILE, missing_ok=known is None)
    # Now: what is imported and run may change the current directory.
    home = Path.cwd()
    found = {target.name: target for text in targets for target in load_targets(text)}
    plan = _Plan(runs, seed, limit, processes, dask, strategy, config, accepted)
    options = given(faults, without)
    statuses = set()
    for number, target in enumerate(found.values()):
        campaign, cut = _play(target, plan, time_share=len(found) - number)
        _report_failures(target, campaign, home / traces, home, options)
        statuses.add(_report(target, campaign, accepted.file))
        if isinstance(cut, ClusterError):
            raise cut
        if cut is not None:
            typer.echo("interrupted", err=True)
            raise typer.Exit(_INTERRUPTED)
    # A failure weighs more than a campaign that proves nothing.
    raise typer.Exit(next(status for status in (_FAILED, _INCONCLUSIVE, 0) if status in statuses))


def play_command(
    work: Annotated[str, typer.Argument(help="As JSON.")],
    leash: Annotated[int, typer.Argument(help="A pipe that is closed when this is to end.")],
) -> None:
    """Play what standard input asks for, and answer on standard output."""
    from simqueue.search.playing import play_for_others

    play_for_others(work, leash)


class _Plan:
    """What to spend on all targets together."""

    def __init__(
        self,
        runs: int | None,
        seed: int,
        limit: timedelta | None,
        processes: int,
        dask: str | None,
        strategy: str,
        config: Config,
        known: Known,
    ) -> None:
        endless = SEED_MAX - seed
        self.runs = runs or (_RUNS if limit is None else endless)
        self.total = self.runs if runs or limit is None else None
        self.seed, self.processes, self.dask = seed, processes, dask
        self.config, self.known = config, known
        self.strategy = strategy
        self._ends = None if limit is None else time.perf_counter() + limit.total_seconds()

    def time_left(self, shares: int) -> timedelta | None:
        """Return an equal share of the time that is left."""
        if self._ends is None:
            return None
        return timedelta(seconds=max(0.0, self._ends - time.perf_counter()) / shares)


def _play(
    target: Target, plan: _Plan, time_share: int
) -> tuple[Campaign, KeyboardInterrupt | ClusterError | None]:
    """Return the campaign, and what cut it short."""
    from simqueue.search.campaign import Campaign, fuzz

    so_far = [Campaign(0, 0, (), (), (), 0.0)]

    with _bar(target.name, plan.total) as show:

        def on_progress(campaign: Campaign) -> None:
            so_far[0] = campaign
            show(campaign)

        try:
            campaign = fuzz(
                target.scenario,
                runs=plan.runs,
                seed=plan.seed,
                config=plan.config,
                processes=plan.processes,
                dask=plan.dask,
                target=target.name,
                time_limit=plan.time_left(time_share),
                strategy=plan.strategy,
                known=plan.known,
                on_progress=on_progress,
            )
        except ClusterError as cut:
            if not so_far[0].runs:
                raise
            return so_far[0], cut
        except KeyboardInterrupt as cut:
            return so_far[0], cut
    return campaign, None


@contextmanager
def _bar(name: str, total: int | None) -> Iterator[Progress]:
    """Show a progress bar on a terminal, and nothing when the output goes elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[found]} found, {task.fields[speed]:.0f}/s"),
        TimeElapsedColumn(),
    )
    # Without the refreshing thread: a campaign forks, and threads do not survive that.
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as progress:
        task = progress.add_task(name, total=total, found=0, speed=0.0)
        shown = [0.0]

        def show(campaign: Campaign) -> None:
            if campaign.elapsed - shown[0] < _REFRESH_S:
                return
            shown[0] = campaign.elapsed
            done = campaign.runs + len(campaign.lost)
            found, speed = len(campaign.failures), campaign.seeds_per_second
            progress.update(task, completed=done, found=found, speed=speed, refresh=True)

        yield show


def _report_failures(
    target: Target, campaign: Campaign, traces: Path, home: Path, options: str
) -> None:
    """Save a target's failures, and tell the story of each."""
    from simqueue.report.story import render_story
    from simqueue.search.failures import keep

    for found in campaign.failures:
        try:
            path = os.path.relpath(keep(found.trace, traces), home)
            again = f"simqueue replay {shlex.quote(path)}"
        except UsageError as error:  # what was found is not lost with the file
            typer.echo(f"simqueue: {error}", err=True)
            again = f"simqueue run {shlex.quote(target.name)}{_seeded(found)}{options}"
        typer.echo(render_story(found.trace, again=again, tail=_STORY_TAIL))


def _seeded(found: Found) -> str:
    """Return the options with which `simqueue run` plays the first run of a failure, or others."""
    other = "" if found.strategy == "random" else f" --strategy {found.strategy}"
    return f" --seed {found.number}{other}"


def _first(found: Found) -> str:
    """Say where a failure was met first."""
    if found.strategy in ("random", "calm"):
        return f"first seed {found.number}"
    return f"first in run {found.number}, {found.strategy}"


def _report(target: Target, campaign: Campaign, known: str) -> int:
    """Print what came of a target; return the exit status it deserves."""
    kinds = len(campaign.failures)
    typer.echo(
        f"{target.name}: {campaign.runs} runs, {campaign.failed} failed in {kinds} "
        f"way{'' if kinds == 1 else 's'}, {campaign.seeds_per_second:.0f} seeds/s"
    )
    for found in campaign.failures:
        typer.echo(f"  {found.count} x {found.signature} ({_first(found)})")
    for remark in campaign.remarks(known):
        typer.echo(f"  {remark}")
    for lost in campaign.lost:
        typer.echo(f"  {lost}", err=True)
    if campaign.failed:
        return _FAILED
    return _INCONCLUSIVE if campaign.lost or campaign.inconclusive or not campaign.runs else 0
