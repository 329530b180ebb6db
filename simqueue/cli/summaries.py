"""Results of campaigns: printed, reduced to an exit status, and written for other programs."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simqueue.cli.terminations import INTERRUPTED
from simqueue.model.summary import (
    AcceptedFailure,
    FoundFailure,
    LostRun,
    SavedFailure,
    Summary,
    TargetSummary,
)
from simqueue.terminal import complain, say

if TYPE_CHECKING:
    from simqueue.search.campaign.tally import Campaign

FAILED, INCONCLUSIVE = 1, 4

JsonOption = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="Write a summary as JSON.")
]
JunitOption = Annotated[
    str | None, typer.Option("--junit", metavar="FILE", help="Write a summary as JUnit XML.")
]


def summed_up(
    target: str,
    campaign: Campaign,
    failures: Sequence[FoundFailure],
    *,
    strategy: str,
    first_seed: int,
    shard: tuple[int, int],
    saved: Sequence[SavedFailure] = (),
    gaps: Sequence[str] = (),
    interrupted: bool = False,
    known_file: str,
) -> TargetSummary:
    """Return the summary of a target; ``gaps`` are the missing parts of the campaign."""
    stale = [remark for remark in campaign.remarks(known_file) if remark.startswith("known ")]
    failed = campaign.failed or any(each.fate in ("fails", "different") for each in saved)
    unread = (f"saved failure {each.said}" for each in saved if each.fate == "unreadable")
    missing = (*campaign.inconclusive, *gaps, *unread)
    proves_nothing = campaign.lost or missing or not campaign.runs
    return TargetSummary(
        target=target,
        strategy=strategy,
        first_seed=first_seed,
        shard=shard,
        status=FAILED if failed else INCONCLUSIVE if proves_nothing else 0,
        runs=campaign.runs,
        passed=campaign.passed,
        failed=campaign.failed,
        elapsed_s=round(campaign.elapsed, 3),
        interrupted=interrupted,
        failures=tuple(failures),
        saved=tuple(saved),
        accepted=tuple(
            AcceptedFailure(each.signature, each.reason, each.count) for each in campaign.accepted
        ),
        lost=tuple(LostRun(each.number, each.why) for each in campaign.lost),
        inconclusive=missing,
        remarks=(*campaign.said, *stale),
    )


def print_campaign(
    target: str, campaign: Campaign, known_file: str, gaps: Iterable[str] = (), speed: str = ""
) -> None:
    """Print the result of a target's campaign."""
    kinds = len(campaign.failures)
    say(
        f"{target}: {campaign.runs} runs, {campaign.failed} failed in {kinds} "
        f"way{'' if kinds == 1 else 's'}{speed}"
    )
    for failure in campaign.failures:
        first = f"first in run {failure.number}, {failure.strategy}"
        if failure.strategy in ("random", "calm"):
            first = f"first seed {failure.number}"
        say(f"  {failure.count} x {failure.signature} ({first})")
    for remark in campaign.remarks(known_file):
        say(f"  {remark}")
    for gap in gaps:
        say(f"  inconclusive: {gap}")
    for again in campaign.again:
        complain(str(again), indent="  ")
    for lost in campaign.lost:
        complain(str(lost), indent="  ")


def write_reports(
    targets: Sequence[TargetSummary],
    home: Path,
    json: str | None,
    junit: str | None,
    cut_short: int = INTERRUPTED,
) -> int:
    """Write the reports that the options name; return the command's exit status.

    ``cut_short`` is the status if the campaign of a target was interrupted.
    """
    from simqueue.model.files import write_whole
    from simqueue.model.summary import encode
    from simqueue.report.junit import render_junit
    from simqueue.sim.run import version_of

    status = _status(targets, cut_short)
    versions = version_of("simqueue"), version_of("pgqueuer"), platform.python_version()
    summary = Summary(*versions, status, tuple(targets))
    if json is not None:
        write_whole(home / json, encode(summary))
    if junit is not None:
        write_whole(home / junit, render_junit(summary))
    return status


def _status(targets: Sequence[TargetSummary], cut_short: int) -> int:
    if any(target.interrupted for target in targets):
        return cut_short
    # A failure weighs more than a campaign that proves nothing.
    statuses = {target.status for target in targets}
    return next(status for status in (FAILED, INCONCLUSIVE, 0) if status in statuses)
