"""One target's part of `simqueue fuzz`: what was saved, the campaign, and what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simqueue.cli.found import Finds
from simqueue.cli.progress import campaign_bar
from simqueue.cli.saved import play_saved
from simqueue.cli.settings import Settings
from simqueue.cli.summaries import print_campaign, summed_up
from simqueue.errors import ClusterError
from simqueue.model.summary import SavedFailure, TargetSummary

if TYPE_CHECKING:
    from simqueue.search.campaign.keeping import Keeping
    from simqueue.search.campaign.tally import Campaign
    from simqueue.search.target import Target


def play_target(
    target: Target, settings: Settings, targets_left: int
) -> tuple[TargetSummary, ClusterError | None]:
    """Play what was saved of a target, then its campaign, and tell of both; return what cut it."""
    keeping = _keeping(target, settings)
    saved, over = _play_saved(target, settings, keeping)
    campaign, cut = _play_campaign(target, settings, targets_left, over=over)
    finds = Finds(target, settings, keeping, saved, interrupted=cut is not None)
    failures = tuple(finds.keep_all(campaign.failures))
    speed = f", {campaign.seeds_per_second:.0f} seeds/s"
    print_campaign(target.name, campaign, settings.known.file, speed=speed)
    summary = summed_up(
        target.name,
        campaign,
        failures,
        strategy=settings.strategy,
        first_seed=settings.seed,
        shard=settings.shard,
        saved=saved,
        interrupted=finds.interrupted,
        known_file=settings.known.file,
    )
    return summary, cut if isinstance(cut, ClusterError) else None


def _keeping(target: Target, settings: Settings) -> Keeping:
    """Return which failures the campaign that is to go on has saved itself."""
    from simqueue.search.campaign.campaign import identity_of, session_of
    from simqueue.search.campaign.keeping import Keeping
    from simqueue.search.planning.share import Share

    name, known = target.name, settings.known
    Share.of(settings.seed, settings.runs, settings.shard)  # or there is no such shard
    identity = identity_of(
        name,
        settings.configs[name],
        known,
        strategy=settings.strategy,
        seed=settings.seed,
        shard=settings.shard,
    )
    session = session_of(target.scenario, known, name, settings.runs)
    return Keeping.of(settings.state, identity, session, resume=settings.resume)


def _play_saved(
    target: Target, settings: Settings, keeping: Keeping
) -> tuple[tuple[SavedFailure, ...], bool]:
    """Return what came of saved failures, and whether Ctrl-C cut it short."""
    told: list[SavedFailure] = []
    try:
        told.extend(play_saved(target, settings, keeping))
    except KeyboardInterrupt:
        return tuple(told), True
    return tuple(told), False


def _play_campaign(
    target: Target, settings: Settings, targets_left: int, *, over: bool
) -> tuple[Campaign, KeyboardInterrupt | ClusterError | None]:
    """Return the campaign, and what cut it short."""
    from simqueue.search.campaign.campaign import fuzz
    from simqueue.search.campaign.tally import Campaign

    so_far = [Campaign(0, 0, (), (), (), 0.0)]
    if over:
        return so_far[0], KeyboardInterrupt()
    with campaign_bar(target.name, settings.total) as show:

        def on_progress(campaign: Campaign) -> None:
            so_far[0] = campaign
            show(campaign)

        try:
            campaign = fuzz(
                target.scenario,
                runs=settings.runs,
                seed=settings.seed,
                config=settings.configs[target.name],
                processes=settings.processes,
                dask=settings.dask,
                target=target.name,
                time_limit=settings.allowance.to_play(targets_left),
                run_limit=settings.run_limit,
                strategy=settings.strategy,
                shard=settings.shard,
                known=settings.known,
                state=settings.state,
                resume=settings.resume,
                on_progress=on_progress,
            )
        except ClusterError as cut:
            if not so_far[0].runs:
                raise
            return so_far[0], cut
        except KeyboardInterrupt as cut:
            return so_far[0], cut
    return campaign, None
