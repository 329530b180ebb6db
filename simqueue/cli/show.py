"""``simqueue show``: a run's story, some of its events, or its tables after one."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from simqueue.cli.durations import duration, instant_us
from simqueue.cli.inevitable import Measurement, show_inevitable
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

_Job = Annotated[int | None, typer.Option("--job", metavar="ID", help="Only events of this job.")]
_Schedule = Annotated[
    int | None, typer.Option("--schedule", metavar="ID", help="Only events of this schedule.")
]
_Worker = Annotated[
    str | None,
    typer.Option("--worker", metavar="NAME", help="Only events of this worker or client."),
]
_Kind = Annotated[
    list[str] | None,
    typer.Option(
        "--kind",
        metavar="KIND",
        help="Only events of this kind, such as job_picked or 'worker_*'; repeatable.",
    ),
]
_From = Annotated[
    str | None,
    typer.Option("--from", metavar="WHEN", help="Only events from then on: 4.5s, 2m, or '#120'."),
]
_Until = Annotated[
    str | None,
    typer.Option("--until", metavar="WHEN", help="Only events until then: 4.5s, 2m, or '#120'."),
]
_All = Annotated[
    bool,
    typer.Option(
        "--all", help="All events, including routine events, otherwise left out or folded."
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Print events as JSON, one a line.")]
_At = Annotated[
    int | None,
    typer.Option("--at", metavar="N", help="The tables as they were after event N."),
]
_Inevitable = Annotated[
    bool,
    typer.Option(
        "--inevitable",
        help="The event after which the failure was inevitable, measured with other runs "
        "that continue from there.",
    ),
]
_Continuations = Annotated[
    int,
    typer.Option(
        "--continuations",
        min=2,
        metavar="N",
        help="With --inevitable: number of runs from each event.",
    ),
]
_Runs = Annotated[
    int,
    typer.Option(
        "--runs", metavar="N", min=1, help="With --inevitable: largest number of runs in all."
    ),
]
_Time = Annotated[
    str | None,
    typer.Option(
        "--time",
        metavar="SPAN",
        help="With --inevitable: begin no more runs after so long: 60s, 5m.",
    ),
]


@dataclass(frozen=True, slots=True)
class _Filters:
    """The options that select events, as they were typed."""

    job: int | None = None
    schedule: int | None = None
    worker: str | None = None
    kinds: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None


@dataclass(frozen=True, slots=True)
class _View:
    """What to show of a trace."""

    filters: _Filters = _Filters()
    routine: bool = False
    as_json: bool = False
    at: int | None = None


def show_command(
    trace: TraceArgument,
    job: _Job = None,
    schedule: _Schedule = None,
    worker: _Worker = None,
    kind: _Kind = None,
    since: _From = None,
    until: _Until = None,
    routine: _All = False,
    as_json: _Json = False,
    at: _At = None,
    inevitable: _Inevitable = False,
    continuations: _Continuations = CONTINUATIONS,
    runs: _Runs = INEVITABLE_RUNS,
    time: _Time = None,
    trust: TrustOption = False,
) -> None:
    """Print the story of a run, or some of its events, or its tables.

    \b
    Examples:
      simqueue show trace.json
      simqueue show trace.json --job 3
      simqueue show trace.json --worker a --from 4.5s --until '#120' --all
      simqueue show trace.json --kind 'job_*' --json
      simqueue show trace.json --at 120
      simqueue show trace.json --inevitable
    """  # noqa: D301  the backspace keeps lines apart
    from simqueue.model.trace import Trace

    recorded = Trace.load(trace)
    filters = _Filters(job, schedule, worker, tuple(kind or ()), since, until)
    view = _View(filters, routine, as_json, at)
    if as_json and at is not None:
        raise UsageError("--at shows tables, --json events: use one of them at a time")
    if not inevitable:
        _refuse_time(time)
        _show(recorded, trace, view)
        return
    if view != _View():
        raise UsageError("--inevitable plays runs and shows no events: use it alone")
    measurement = Measurement(continuations, runs, None if time is None else duration(time))
    admit = door(trace, trust=trust)
    with naming(trace):
        show_inevitable(recorded, trace, admit, measurement)


def _refuse_time(time: str | None) -> None:
    if time is not None:
        raise UsageError(
            "--time limits the search of --inevitable; select events by --from and --until"
        )


def _show(trace: Trace, path: str, view: _View) -> None:
    """Print the story, or the events and tables that were requested."""
    selection = _selection(trace, path, view.filters)
    if view.as_json:
        _print_json(trace, selection)
    elif not selection.is_everything or view.routine:
        _print_events(trace, selection, routine=view.routine)
    elif view.at is None:
        _print_story(trace, path)
    if view.at is not None:
        _print_tables(trace, view.at)


def _print_json(trace: Trace, selection: Selection) -> None:
    from simqueue.report.export.jsonl import render_jsonl

    say_json(render_jsonl(trace, selection.of(trace)))


def _print_events(trace: Trace, selection: Selection, *, routine: bool) -> None:
    from simqueue.report.selection import render_selection

    tell(render_selection(trace, selection, routine=routine))


def _print_story(trace: Trace, path: str) -> None:
    from simqueue.report.story.story import render_story

    tell(render_story(trace, again=f"simqueue replay {shlex.quote(path)}"))


def _print_tables(trace: Trace, at: int) -> None:
    from simqueue.inspect.moments import Moments
    from simqueue.report.findings.tables_at import render_tables_at

    moment = Moments(trace).at(at)
    tell(render_tables_at(at, trace.events[at], moment.rows()))


# --- which events ---------------------------------------------------------------------------------


def _selection(trace: Trace, path: str, filters: _Filters) -> Selection:
    """Return the selection that the options describe; refuse one that no event can match."""
    from simqueue.report.selection import Selection

    since, first = _bound(filters.since, "--from")
    until, last = _bound(filters.until, "--until")
    selection = Selection(
        job=filters.job,
        schedule=filters.schedule,
        worker=filters.worker,
        kinds=_kinds(filters.kinds),
        since=since,
        until=until,
        first=first,
        last=last,
    )
    _check_named(trace, path, selection)
    return selection


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


def _kinds(wanted: tuple[str, ...]) -> tuple[str, ...]:
    from fnmatch import filter as matching

    from simqueue.report.selection import KINDS

    kinds = tuple(name.strip() for each in wanted for name in each.split(","))
    for name in kinds:
        if not matching(KINDS, name):
            raise UsageError(f"--kind {name}: there is no such kind; there are {', '.join(KINDS)}")
    return kinds


def _check_named(trace: Trace, path: str, wanted: Selection) -> None:
    """Refuse a job, schedule or worker that no event names: it is most likely a typing error."""
    from simqueue.report.lines import concerns

    events = [entry.event for entry in trace.events]
    hint = f"`simqueue show {shlex.quote(path)}` prints the story"
    job, schedule = wanted.job, wanted.schedule
    if job is not None and not any(concerns(event, job=job) for event in events):
        raise UsageError(f"{path}: no event names job {job}; {hint}")
    if schedule is not None and not any(concerns(event, schedule=schedule) for event in events):
        raise UsageError(f"{path}: no event names schedule {schedule}; {hint}")
    workers = sorted({entry.worker for entry in trace.events})
    if wanted.worker is not None and wanted.worker not in workers:
        shown = excerpt(", ".join(workers), NAME_SHOWN)
        raise UsageError(f"{path}: there is no worker {wanted.worker}; there are {shown}")
