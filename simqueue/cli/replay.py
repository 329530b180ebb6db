"""``simqueue replay``: a trace again."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from simqueue.cli.options import TraceArgument, VerboseOption
from simqueue.cli.painting import tell
from simqueue.search.budgets import NEARBY_RUNS

if TYPE_CHECKING:
    from simqueue.model.trace import Trace
    from simqueue.search.replay import Replay, Verdict

_SAME, _DIVERGED, _SKIP = 1, 3, 125
"""125 is what ``git bisect run`` takes for a commit that cannot be judged."""


def replay_command(
    trace: TraceArgument,
    exact: Annotated[
        bool, typer.Option("--exact", help="Stop at the first event that is not the recorded one.")
    ] = False,
    nearby: Annotated[
        int,
        typer.Option(
            "--nearby",
            min=0,
            metavar="N",
            help="If it drifts and passes, play up to N variations of its choices; 0 is none.",
        ),
    ] = NEARBY_RUNS,
    verbose: VerboseOption = False,
) -> None:
    """Play a recorded run again.

    If the code has changed and the run passes, its choices are moved a little, in search of a run
    that fails the same way.

    Exit status: 0 it passes now, 1 it failed the same way, 125 it failed otherwise or its scenario
    cannot be found, 3 it diverged (with --exact).

    \b
    Examples:
      simqueue replay .simqueue/failures/lost_update-1f0c2d3e.json
      git bisect run simqueue replay trace.json
    """  # noqa: D301  the backspace keeps lines apart
    from simqueue.model.trace import Trace

    recorded = Trace.load(trace)
    if recorded.target.startswith("pytest:"):
        _replay_test(recorded, trace, exact=exact, nearby=nearby)
    _replay_scenario(recorded, exact=exact, nearby=nearby, verbose=verbose)


def _replay_scenario(trace: Trace, *, exact: bool, nearby: int, verbose: bool) -> NoReturn:
    from simqueue.cli.live import printer
    from simqueue.errors import DivergenceError, TargetError
    from simqueue.search.replay import replay
    from simqueue.search.target import load_target

    try:
        scenario = load_target(trace.target).scenario
    except TargetError as error:
        hint = "run from the directory it was recorded in, or check that commit out"
        typer.echo(f"simqueue: the trace's scenario is gone: {error}; {hint}", err=True)
        raise typer.Exit(_SKIP) from None
    watch = printer() if verbose else None
    try:
        replayed = replay(trace, scenario=scenario, exact=exact, nearby=nearby, watch=watch)
    except DivergenceError as error:
        typer.echo(f"simqueue: {error}", err=True)
        raise typer.Exit(_DIVERGED) from None
    _report(replayed)
    raise typer.Exit(_status(replayed.verdict, passed=replayed.run.passed))


def _report(replayed: Replay) -> None:
    from simqueue.report.story import render_story

    if not replayed.run.passed:
        tell(f"{render_story(replayed.run.trace)}\n")
    for change in version_changes(replayed.trace, replayed.run.trace):
        typer.echo(change)
    typer.echo(str(replayed))


def version_changes(recorded: Trace, now: Trace) -> list[str]:
    """Say which versions are not those that the trace was recorded with."""
    return [
        f"recorded with {name} {getattr(recorded, field)}, this is {getattr(now, field)}"
        for name, field in (
            ("simqueue", "simqueue"),
            ("pgqueuer", "pgqueuer"),
            ("Python", "python"),
        )
        if getattr(recorded, field) != getattr(now, field)
    ]


def _status(verdict: Verdict, *, passed: bool) -> int:
    if passed:
        return 0
    return _SKIP if verdict == "different" else _SAME


# --- traces that the pytest plugin made -----------------------------------------------------------


def _replay_test(trace: Trace, path: str, *, exact: bool, nearby: int) -> NoReturn:
    """Let pytest run the test, and take the verdict from the plugin."""
    node = trace.target.removeprefix("pytest:")
    with tempfile.TemporaryDirectory(prefix="simqueue-") as directory:
        verdict = Path(directory, "verdict")
        command = [sys.executable, "-m", "pytest", "-q", node, "--simqueue-replay", path]
        command += ["--simqueue-verdict", str(verdict)] + ["--simqueue-exact"] * exact
        command += ["--simqueue-nearby", str(nearby)]
        status = subprocess.run(command, check=False).returncode  # noqa: S603
        said = verdict.read_text().strip() if verdict.exists() else ""
    if not said:
        problem = f"pytest could not run {node} (its exit status was {status})"
        hint = "run from the directory it was recorded in"
        typer.echo(f"simqueue: {problem}; {hint}", err=True)
        raise typer.Exit(_SKIP)
    word, _, sentence = said.partition(": ")
    typer.echo(sentence)
    raise typer.Exit(_TEST_STATUS[word])


_TEST_STATUS = {"passed": 0, "same": _SAME, "different": _SKIP, "diverged": _DIVERGED}
"""What the plugin writes, and the exit status it stands for."""
