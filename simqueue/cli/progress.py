"""Progress bars on a terminal, and nothing when the output goes elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from simqueue.report.printable import printable
from simqueue.terminal import console, is_terminal

if TYPE_CHECKING:
    from simqueue.model.findings import Inevitable, Nearest
    from simqueue.search.campaign.tally import Campaign
    from simqueue.search.shrink.shrinker import Shrunk

_REFRESH_S = 0.1

Update = Callable[..., object]
"""Takes how much is done, and the fields that the bar's text has."""


@contextmanager
def campaign_bar(name: str, total: int | None) -> Iterator[Callable[[Campaign], object]]:
    """Show how far a campaign is."""
    with _bar(name, total, "{task.fields[found]} found, {task.fields[speed]:.0f}/s") as update:
        shown = [0.0]

        def show(campaign: Campaign) -> None:
            if campaign.elapsed - shown[0] < _REFRESH_S:
                return
            shown[0] = campaign.elapsed
            done = campaign.runs + len(campaign.lost)
            update(done, found=len(campaign.failures), speed=campaign.seeds_per_second)

        yield show


@contextmanager
def shrink_bar(name: str, total: int) -> Iterator[Callable[[Shrunk], object]]:
    """Show how far shrinking is."""
    with _bar(name, total, "runs, {task.fields[left]} deviations left") as update:
        yield lambda shrunk: update(shrunk.runs, left=shrunk.after)


@contextmanager
def search_bar(name: str, total: int) -> Iterator[Callable[[Inevitable | Nearest], object]]:
    """Show how many runs a search has played, of those that it may."""
    with _bar(name, total, "runs") as update:
        yield lambda found: update(found.runs)


@contextmanager
def _bar(name: str, total: int | None, text: str) -> Iterator[Update]:
    if not is_terminal(err=True):
        yield lambda done, **fields: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn(text),
        TimeElapsedColumn(),
    )
    # Without the refreshing thread: threads do not survive a fork, and a simulation is alone.
    shown = console(err=True)
    with Progress(*columns, console=shown, transient=True, auto_refresh=False) as progress:
        task = progress.add_task(printable(name), total=total, found=0, speed=0.0, left="all")
        yield lambda done, **fields: progress.update(task, completed=done, refresh=True, **fields)
