"""``simqueue merge``: the shards of a campaign, reported as one."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simqueue.cli.found import described
from simqueue.cli.options import TracesOption
from simqueue.cli.outputs import check_outputs
from simqueue.cli.painting import tell
from simqueue.cli.saved import STORY_TAIL
from simqueue.cli.summaries import (
    JsonOption,
    JunitOption,
    print_campaign,
    summed_up,
    write_reports,
)

if TYPE_CHECKING:
    from simqueue.model.summary import FoundFailure, TargetSummary
    from simqueue.search.campaign.merging import Merged
    from simqueue.search.campaign.tally import Found


def merge_command(
    states: Annotated[
        list[str],
        typer.Argument(
            metavar="STATE...", help="State files that fuzz has written, or directories of them."
        ),
    ],
    traces: TracesOption = ".simqueue/failures",
    json: JsonOption = None,
    junit: JunitOption = None,
) -> None:
    """Report the combined result of a campaign's shards from their state files.

    Failures that are not yet saved are saved. Exit status: as for fuzz; also 4 if a shard is
    missing or unfinished.

    \b
    Examples:
      simqueue merge .simqueue/campaigns
      simqueue merge shard-1/ shard-2/ --junit junit.xml
    """  # noqa: D301  the backspace keeps lines apart
    from simqueue.search.campaign.merging import find_states, merge
    from simqueue.search.saved import check_directory

    home = Path.cwd()
    check_directory(traces)
    check_outputs({"--json": json, "--junit": junit}, states=find_states(states), saved=traces)
    summaries = [_reported(merged, home, home / traces) for merged in merge(states)]
    raise typer.Exit(write_reports(summaries, home, json, junit))


def _reported(merged: Merged, home: Path, traces: Path) -> TargetSummary:
    identity, campaign = merged.identity, merged.campaign
    failures = [_saved(each, identity.target, home, traces) for each in campaign.failures]
    print_campaign(identity.target, campaign, merged.known_file, merged.gaps)
    return summed_up(
        identity.target,
        campaign,
        failures,
        strategy=identity.strategy,
        first_seed=identity.seed,
        shard=identity.shard,
        gaps=merged.gaps,
        known_file=merged.known_file,
    )


def _saved(failure: Found, target: str, home: Path, traces: Path) -> FoundFailure:
    """Save a failure, unless one with its signature is saved already, and print its story."""
    from simqueue.report.story.story import render_story
    from simqueue.search.replay.regressions import saved_failures
    from simqueue.search.saved import keep

    same = [each for each in saved_failures(traces, target) if each.signature == failure.signature]
    path = same[0].path if same else keep(failure.trace, traces)
    file = os.path.relpath(path, home)
    again = f"simqueue replay {shlex.quote(file)}"
    story = render_story(failure.trace, tail=STORY_TAIL)
    tell(f"{story}\nAgain: {again}\n\n")
    return described(failure, failure.trace, file, again, story)
