"""``simqueue replay``: a trace again."""

from __future__ import annotations

import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from simqueue.cli.options import TraceArgument, VerboseOption, naming
from simqueue.cli.painting import tell
from simqueue.cli.trusting import TrustOption, door
from simqueue.errors import NAME_SHOWN, excerpt
from simqueue.report.printable import printable
from simqueue.search.budgets import NEARBY_RUNS
from simqueue.search.nodes import PYTEST, node_of
from simqueue.search.replay.breakpoints import Breakpoints
from simqueue.terminal import complain, say

if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from simqueue.model.trace import Trace
    from simqueue.search.replay.replayer import Replay, Verdict
    from simqueue.search.target import Admit

_SAME, _DIVERGED, _SKIP, _QUIT = 1, 3, 125, 130
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
    breaks: Annotated[
        list[int] | None,
        typer.Option(
            "--break", min=0, metavar="N", help="Open the debugger at this event; repeatable."
        ),
    ] = None,
    break_jobs: Annotated[
        list[int] | None,
        typer.Option("--break-job", metavar="ID", help="At each event of this job."),
    ] = None,
    break_schedules: Annotated[
        list[int] | None,
        typer.Option("--break-schedule", metavar="ID", help="At each event of this schedule."),
    ] = None,
    break_kinds: Annotated[
        list[str] | None,
        typer.Option(
            "--break-kind", metavar="KIND", help="At each event of this kind, as job_picked."
        ),
    ] = None,
    pdb: Annotated[
        bool, typer.Option("--pdb", help="Open the debugger where the run failed.")
    ] = False,
    verbose: VerboseOption = False,
    trust: TrustOption = False,
) -> None:
    """Play a recorded run again.

    If the code has changed and the run passes, its choices are moved a little, in search of a run
    that fails the same way.

    The debugger is pdb, or what PYTHONBREAKPOINT names. What is looked up at it leaves no mark on
    the run; c goes on to the next stop, and q ends the run with exit status 130.

    Exit status: 0 it passes now, 1 it failed the same way, 125 it failed otherwise, its scenario
    cannot be found, or it fails only after another run in the same process, 3 it diverged (with
    --exact).

    \b
    Examples:
      simqueue replay .simqueue/failures/lost_update-1f0c2d3e.json
      simqueue replay trace.json --break 812
      simqueue replay trace.json --break-job 7 --pdb
      git bisect run simqueue replay trace.json
    """  # noqa: D301  the backspace keeps lines apart
    from simqueue.model.trace import Trace

    recorded = Trace.load(trace)
    wanted = {"": breaks, "job": break_jobs, "schedule": break_schedules, "kind": break_kinds}
    breakpoints = Breakpoints(
        recorded,
        events=breaks or (),
        jobs=break_jobs or (),
        schedules=break_schedules or (),
        kinds=break_kinds or (),
    )
    if exact:
        _print_changes(recorded)
    admit = door(trace, trust=trust)
    if recorded.target.startswith(PYTEST):
        debugger = [*_break_options(wanted), *["--pdb"] * pdb]
        with naming(trace):
            node = _node(recorded, admit)
        _replay_test(node, trace, debugger, exact=exact, nearby=nearby)
    stops = breakpoints if any(wanted.values()) else None
    with naming(trace):
        _replay_scenario(
            recorded, admit, stops, exact=exact, nearby=nearby, pdb=pdb, verbose=verbose
        )


def _replay_scenario(
    trace: Trace,
    admit: Admit,
    breakpoints: Breakpoints | None,
    *,
    exact: bool,
    nearby: int,
    pdb: bool,
    verbose: bool,
) -> NoReturn:
    from simqueue.cli.live import printer
    from simqueue.errors import DivergenceError, TargetError
    from simqueue.search.replay.replayer import replay
    from simqueue.search.target import load_target

    try:
        scenario = load_target(trace.target, admit).scenario
    except TargetError as error:
        hint = "run from the directory it was recorded in, or check that commit out"
        complain(f"simqueue: the trace's scenario is gone: {error}; {hint}")
        raise typer.Exit(_SKIP) from None
    frames: list[TracebackType | None] = []
    try:
        replayed = replay(
            trace,
            scenario=scenario,
            exact=exact,
            nearby=nearby,
            watch=printer() if verbose else None,
            stop_at=breakpoints,
            on_failure=frames.append if pdb else None,
        )
    except DivergenceError as error:
        _tell_missed(breakpoints)
        complain(f"simqueue: {error}")
        raise typer.Exit(_DIVERGED) from None
    _report(replayed, versions=not exact)
    _tell_missed(breakpoints)
    if pdb and not replayed.run.passed:
        _look(frames)
    raise typer.Exit(_status(replayed.verdict, passed=replayed.run.passed))


def _report(replayed: Replay, *, versions: bool) -> None:
    from simqueue.report.story.story import render_story

    if not replayed.run.passed:
        tell(f"{render_story(replayed.run.trace)}\n")
    for change in version_changes(replayed.trace) if versions else ():
        say(change)
    say(str(replayed))


def _print_changes(trace: Trace) -> None:
    """Say first under which other versions a trace was recorded that is to repeat exactly."""
    changes = version_changes(trace)
    for change in changes:
        complain(f"simqueue: {change}")
    if changes:
        hint = "an exact replay takes the versions of the recording; without --exact it may drift"
        complain(f"simqueue: {hint}")


def _tell_missed(breakpoints: Breakpoints | None) -> None:
    missed = "" if breakpoints is None else breakpoints.missed()
    if missed:
        complain(f"simqueue: the replay {missed}")


def _look(frames: list[TracebackType | None]) -> None:
    """Open a debugger where a run failed that is over."""
    from simqueue.cli.debugger import post_mortem

    found = next(filter(None, frames), None)
    if found is None:
        complain("simqueue: no code of yours was running or waiting when it failed")
        return
    post_mortem(found)


def version_changes(recorded: Trace) -> list[str]:
    """Say which versions are not those that the trace was recorded with."""
    from simqueue.sim.run import version_of

    return [
        f"recorded with {name} {excerpt(then)}, this is {now}"
        for name, then, now in (
            ("simqueue", recorded.simqueue, version_of("simqueue")),
            ("PgQueuer", recorded.pgqueuer, version_of("pgqueuer")),
            ("Python", recorded.python, platform.python_version()),
        )
        if then != now
    ]


def _status(verdict: Verdict, *, passed: bool) -> int:
    if verdict in ("different", "not-reproduced"):
        return _SKIP
    return 0 if passed else _SAME


# --- traces that the pytest plugin made -----------------------------------------------------------


def _break_options(wanted: Mapping[str, Sequence[object] | None]) -> Iterator[str]:
    for noun, values in wanted.items():
        for value in values or ():
            yield from ("--simqueue-break" + f"-{noun}" * bool(noun), str(value))


def _node(trace: Trace, admit: Admit) -> str:
    """Return the id of the test that a trace is of, if it is one and may be run."""
    node = node_of(trace.target)
    admit(trace.target)
    return node


def _replay_test(
    node: str, path: str, debugger: Sequence[str], *, exact: bool, nearby: int
) -> NoReturn:
    """Let pytest run the test, and take the verdict from the plugin."""
    if printable(node) != node:  # pytest prints it as it is
        complain(f"simqueue: {excerpt(node, NAME_SHOWN)}: no test has control characters in its id")
        raise typer.Exit(_SKIP)
    with tempfile.TemporaryDirectory(prefix="simqueue-") as directory:
        verdict = Path(directory, "verdict")
        command = [sys.executable, "-m", "pytest", "-q", f"--simqueue-replay={path}"]
        command += ["--simqueue-verdict", str(verdict)] + ["--simqueue-exact"] * exact
        command += ["--simqueue-nearby", str(nearby), *debugger, "--", node]
        status, interrupted = _call(command)
        said = verdict.read_text().strip() if verdict.exists() else ""
    if interrupted and not said:
        raise KeyboardInterrupt
    if not said:
        problem = f"pytest could not run {excerpt(node, NAME_SHOWN)} (its exit status was {status})"
        hint = "run from the directory it was recorded in"
        complain(f"simqueue: {problem}; {hint}")
        raise typer.Exit(_SKIP)
    word, _, sentence = said.partition(":")
    if sentence:
        say(sentence.strip())
    raise typer.Exit(_TEST_STATUS[word])


def _call(command: Sequence[str]) -> tuple[int, bool]:
    """Run a program; return its exit status, and whether Ctrl-C was typed meanwhile.

    That is the program's affair: it may be a debugger's prompt that is taken back.
    """
    typed = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal typed
        typed = True

    before = signal.signal(signal.SIGINT, note)
    try:
        status = subprocess.run(command, check=False).returncode  # noqa: S603
    finally:
        signal.signal(signal.SIGINT, before)
    return status, typed


_TEST_STATUS = {
    "passed": 0,
    "same": _SAME,
    "different": _SKIP,
    "not-reproduced": _SKIP,
    "diverged": _DIVERGED,
    "quit": _QUIT,
}
"""What the plugin writes, and the exit status it stands for."""
