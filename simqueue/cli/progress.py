"""Progress bars on a terminal, and nothing when the output goes elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import perf_counter
from typing import TYPE_CHECKING, Any

from simqueue.report.printable import printable
from simqueue.terminal import console, is_terminal

if TYPE_CHECKING:
    from simqueue.model.findings import Inevitable, Nearest
    from simqueue.search.campaign.tally import Campaign
    from simqueue.search.shrink.shrinker import Shrunk

_REFRESH_S = 0.1

Update = Callable[..., object]
"""Takes the number of runs done, and the fields of the bar's text."""

Hidden = Callable[[], AbstractContextManager[object]]
"""Opens what hides the bar."""


class CampaignBar:
    """Shows how far campaigns are. ``hidden`` takes the bar away while something is printed."""

    def __init__(self, update: Update, hidden: Hidden) -> None:
        self._update, self.hidden = update, hidden
        self._began = self._shown = perf_counter()

    def show(self, campaigns: Iterable[Campaign]) -> None:
        """Show their runs and failures together, at most ten times a second."""
        now = perf_counter()
        if now - self._shown < _REFRESH_S:
            return
        self._shown = now
        counted = list(campaigns)
        done = sum(each.runs + len(each.lost) for each in counted)
        played = sum(each.runs - each.resumed for each in counted)
        failures = sum(len(each.failures) for each in counted)
        self._update(done, failures=failures, speed=played / (now - self._began))


@contextmanager
def campaign_bar(name: str, total: int | None) -> Iterator[CampaignBar]:
    """Show how far campaigns are; ``total`` is how many runs they have together."""
    text = "{task.fields[failures]} failures, {task.fields[speed]:.0f}/s"
    with _bar(name, total, text) as (update, hidden):
        yield CampaignBar(update, hidden)


@contextmanager
def shrink_bar(name: str, total: int) -> Iterator[Callable[[Shrunk], object]]:
    """Show how far shrinking is."""
    with _bar(name, total, "runs, {task.fields[left]} deviations left") as (update, _):
        yield lambda shrunk: update(shrunk.runs, left=shrunk.after)


@contextmanager
def search_bar(name: str, total: int) -> Iterator[Callable[[Inevitable | Nearest], object]]:
    """Show how many runs a search has played, of at most ``total``."""
    with _bar(name, total, "runs") as (update, _):
        yield lambda result: update(result.runs)


@contextmanager
def _bar(name: str, total: int | None, text: str) -> Iterator[tuple[Update, Hidden]]:
    if not is_terminal(err=True):
        yield (lambda done, **fields: None), nullcontext
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn(text),
        TimeElapsedColumn(),
    )
    # Without the refreshing thread: threads do not survive a fork, and a simulation is alone. Nor
    # does it redirect prints: stdout may go elsewhere.
    progress = Progress(
        *columns,
        console=console(err=True),
        transient=True,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
    )

    @contextmanager
    def hidden() -> Iterator[None]:
        progress.stop()
        try:
            yield
        finally:
            progress.start()

    with progress:
        task = progress.add_task(printable(name), total=total, failures=0, speed=0.0, left="all")

        def update(done: int, **fields: Any) -> None:
            progress.update(task, completed=done, refresh=True, **fields)

        yield update, hidden
