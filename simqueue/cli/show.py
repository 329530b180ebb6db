"""``simqueue show``: a run's story, some of its events, its tables after one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from simqueue.cli.durations import duration, instant_us
from simqueue.cli.options import TraceArgument, naming
from simqueue.cli.painting import tell
from simqueue.cli.trusting import TrustOption, door
from simqueue.errors import NAME_SHOWN, UsageError, excerpt
from simqueue.model.ids import Instant
from simqueue.search.budgets import CONTINUATIONS, INEVITABLE_RUNS
from simqueue.terminal import say_json

if TYPE_CHECKING:
    from simqueue.model.trace import Trace
    from simqueue.report.selection import Selection


def show_command(
    trace: TraceArgument,
    job: Annotated[
        int | None, typer.Option("--job", metavar="ID", help="Events of this job alone.")
    ] = None,
    schedule: Annotated[
        int | None, typer.Option("--schedule", metavar="ID", help="Events of this schedule alone.")
    ] = None,
    worker: Annotated[
        str | None,
        typer.Option("--worker", metavar="NAME", help="Events of this worker or client alone."),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="Events of this kind alone, such as job_picked or 'worker_*'; may be repeated.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--from", metavar="WHEN", help="Events from then on: 4.5s, 2m, or #120."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="WHEN", help="Events until then: 4.5s, 2m, or #120."),
    ] = None,
    routine: Annotated[
        bool,
        typer.Option("--all", help="All events, with the routine that is left out or folded."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print events as JSON, one a line.")
    ] = False,
    at: Annotated[
        int | None,
        typer.Option("--at", metavar="N", help="The tables as they stood after event N."),
    ] = None,
    inevitable: Annotated[
        bool,
        typer.Option(
            "--inevitable",
            help="The event after which it fails whatever comes, measured by runs that go on "
            "otherwise.",
        ),
    ] = False,
    continuations: Annotated[
        int,
        typer.Option("--continuations", min=2, metavar="N", help="How many go on from an event."),
    ] = CONTINUATIONS,
    runs: Annotated[
        int, typer.Option("--runs", min=1, metavar="N", help="Runs to spend on that.")
    ] = INEVITABLE_RUNS,
    time: Annotated[
        str | None,
        typer.Option("--time", metavar="SPAN", help="Begin no more runs after so long: 60s, 5m."),
    ] = None,
    trust: TrustOption = False,
) -> None:
    """Tell a run's story in words; or those of its events that are asked for.

    \b
    Examples:
      simqueue show trace.json
      simqueue show trace.json --job 3
      simqueue show trace.json --worker a --from 4.5s --until '#120' --all
      simqueue show trace.json --kind 'job_*' --json
      simqueue show trace.json --at 120
      simqueue show trace.json --inevitable
    """  # noqa: D301  the backspace keeps lines apart
    import shlex

    from simqueue.model.trace import Trace
    from simqueue.report.selection import Selection, render_selection
    from simqueue.report.story.story import render_story

    recorded = Trace.load(trace)
    if as_json and at is not None:
        raise UsageError("--at shows tables, --json events: ask for one of them at a time")
    if inevitable:
        asked = (job, schedule, worker, kind, since, until, at)
        if routine or as_json or any(each is not None for each in asked):
            raise UsageError("--inevitable plays runs and shows no events: ask for it alone")
        from simqueue.cli.inevitable import show_inevitable

        limit = None if time is None else duration(time)
        admit = door(trace, trust=trust)
        with naming(trace):
            show_inevitable(
                recorded, trace, admit, continuations=continuations, runs=runs, limit=limit
            )
        return
    if time is not None:
        raise UsageError(
            "--time bounds the search of --inevitable; times of events are --from, --until"
        )
    since_at, first = _bound(since, "--from")
    until_at, last = _bound(until, "--until")
    selection = Selection(
        job=job,
        schedule=schedule,
        worker=worker,
        kinds=_kinds(kind or []),
        since=since_at,
        until=until_at,
        first=first,
        last=last,
    )
    _check_named(recorded, trace, selection)
    if as_json:
        _print_json(recorded, selection)
    elif not selection.is_everything or routine:
        tell(render_selection(recorded, selection, routine=routine))
    elif at is None:
        tell(render_story(recorded, again=f"simqueue replay {shlex.quote(trace)}"))
    if at is not None:
        from simqueue.inspect.tables_at import render_tables_at

        tell(render_tables_at(recorded, at))


def _print_json(trace: Trace, selection: Selection) -> None:
    from simqueue.report.export.jsonl import render_jsonl

    say_json(render_jsonl(trace, selection.of(trace)))


def _bound(text: str | None, option: str) -> tuple[Instant | None, int | None]:
    """Read a point of the run: an instant of virtual time, or an event's number."""
    if text is None:
        return None, None
    number = re.fullmatch(r"#(\d{1,12})", text.strip())
    if number is not None:
        return None, int(number[1])
    try:
        return Instant(instant_us(text, option)), None
    except UsageError:
        hint = "write virtual time, such as 4.5s or 2m, or an event's number, such as '#120'"
        raise UsageError(f"{option} {text}: {hint}") from None


def _kinds(wanted: list[str]) -> tuple[str, ...]:
    from fnmatch import filter as matching

    from simqueue.report.selection import KINDS

    kinds = tuple(name.strip() for each in wanted for name in each.split(","))
    for name in kinds:
        if not matching(KINDS, name):
            raise UsageError(f"--kind {name}: there is no such kind; there are {', '.join(KINDS)}")
    return kinds


def _check_named(trace: Trace, path: str, wanted: Selection) -> None:
    """Refuse what no event is about, which is most likely a slip."""
    import shlex

    from simqueue.report.lines import concerns

    entries = trace.events
    hint = f"`simqueue show {shlex.quote(path)}` tells all"
    if wanted.job is not None and not any(concerns(each.event, job=wanted.job) for each in entries):
        raise UsageError(f"{path}: no event names job {wanted.job}; {hint}")
    schedule = wanted.schedule
    if schedule is not None and not any(
        concerns(each.event, schedule=schedule) for each in entries
    ):
        raise UsageError(f"{path}: no event names schedule {schedule}; {hint}")
    names = sorted({entry.worker for entry in entries})
    if wanted.worker is not None and wanted.worker not in names:
        there = excerpt(", ".join(names), NAME_SHOWN)
        raise UsageError(f"{path}: nobody is called {wanted.worker}; there are {there}")
