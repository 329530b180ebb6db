"""The campaigns of `simqueue fuzz`: saved failures, the runs of all targets, new failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simqueue.cli.found import Finds, Patience
from simqueue.cli.progress import CampaignBar, campaign_bar
from simqueue.cli.saved import play_saved
from simqueue.cli.settings import Settings
from simqueue.cli.summaries import print_campaign, summed_up
from simqueue.errors import ClusterError
from simqueue.model.summary import SavedFailure, TargetSummary
from simqueue.search.campaign.keeping import Keeping
from simqueue.search.campaign.order import Order
from simqueue.search.campaign.tally import Campaign
from simqueue.search.campaign.turns import Watcher, play_campaigns

if TYPE_CHECKING:
    from simqueue.search.target import Target

_NOT_PLAYED = "no run of it was played: the time was over"


@dataclass(slots=True)
class Part:
    """One target's part: its saved failures, its campaign so far, and what to say of it."""

    target: Target
    settings: Settings
    patience: Patience
    keeping: Keeping
    finds: Finds
    campaign: Campaign = field(default_factory=lambda: Campaign(0, 0, (), (), (), 0.0))
    begun: bool = False
    ended: bool = False

    @classmethod
    def of(cls, target: Target, settings: Settings, patience: Patience) -> Part:
        """Return the part of a target, with what its campaign's state says of saved failures."""
        order = settings.order(target)
        order.check()
        keeping = Keeping.of(
            settings.state, order.identity(), order.session(), resume=settings.resume
        )
        return cls(target, settings, patience, keeping, Finds(target, settings, keeping, patience))

    def play_saved(self) -> None:
        """Play the target's saved failures again."""
        for each in play_saved(self.target, self.settings, self.keeping):
            self.finds.saved = (*self.finds.saved, each)

    def order(self) -> Order:
        """Return its campaign."""
        self.begun = True
        return self.settings.order(self.target, self.keeping)

    def conclude(self) -> TargetSummary:
        """Shrink and print the new failures, then the counts; return the summary."""
        settings, name, campaign = self.settings, self.target.name, self.campaign
        failures = tuple(self.finds.keep_all(campaign.failures))
        gaps = (_NOT_PLAYED,) if self.ended and not campaign.runs and not campaign.lost else ()
        speed = f", {campaign.seeds_per_second:.0f} seeds/s"
        print_campaign(name, campaign, settings.known.file, gaps, speed=speed)
        return summed_up(
            name,
            campaign,
            failures,
            strategy=settings.strategy,
            first_seed=settings.seed,
            shard=settings.shard,
            saved=self.saved,
            gaps=gaps,
            interrupted=self.finds.interrupted or not self.ended,
            known_file=settings.known.file,
        )

    @property
    def saved(self) -> tuple[SavedFailure, ...]:
        """The results of the saved failures."""
        return self.finds.saved


def play_targets(
    targets: Sequence[Target], settings: Settings
) -> tuple[list[TargetSummary], ClusterError | None]:
    """Play campaigns of targets in turns; return their summaries, and the error that ended them.

    Failures are printed when they are found. They are shrunk when no more runs are played, and
    printed again as far as that changed them. Ctrl-C ends the part that is under way.
    """
    from simqueue.search.processes.clean import clean_for

    patience = Patience()
    parts = [Part.of(target, settings, patience) for target in targets]
    cluster_error = None
    with clean_for(*(target.scenario for target in targets)):
        try:
            for part in parts:
                part.play_saved()
            for number, group in enumerate(groups := _groups(parts, settings)):
                _play(group, settings, parts=len(groups) - number)
        except KeyboardInterrupt:
            patience.over = True
        except ClusterError as error:
            if not any(part.begun and part.campaign.runs for part in parts):
                raise
            patience.over, cluster_error = True, error
        shown = [part for part in parts if part.begun or part.saved or part is parts[0]]
        for part in shown:
            patience.waiting += len(part.campaign.failures)
        summaries = [part.conclude() for part in shown]
    return summaries, cluster_error


def _groups(parts: Sequence[Part], settings: Settings) -> list[Sequence[Part]]:
    """Return which targets are played together: all, but on a Dask cluster one after the other."""
    return [parts] if settings.dask is None else [[part] for part in parts]


def _play(group: Sequence[Part], settings: Settings, parts: int) -> None:
    """Play the campaigns of a group in turns; print each failure when it is found."""
    by_target = {part.target.name: part for part in group}
    name = group[0].target.name if len(group) == 1 else f"{len(group)} targets"
    total = None if settings.total is None else settings.total * len(group)
    with campaign_bar(name, total) as bar:

        def on_result(order: Order, campaign: Campaign) -> None:
            part = by_target[order.target]
            part.campaign = campaign
            _report_new(part, bar)
            bar.show(each.campaign for each in group)

        def on_end(order: Order, campaign: Campaign) -> None:
            part = by_target[order.target]
            part.campaign, part.ended = campaign, True

        orders = [part.order() for part in group]
        campaigns = play_campaigns(orders, settings.means(parts), Watcher(on_result, on_end))
    for part, campaign in zip(group, campaigns, strict=True):
        part.campaign, part.ended = campaign, True


def _report_new(part: Part, bar: CampaignBar) -> None:
    for failure in part.finds.new(part.campaign.failures):
        with bar.hidden():
            part.finds.report(failure)
