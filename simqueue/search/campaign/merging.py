"""Merging: combines the states of a campaign's shards into one campaign."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from simqueue.errors import NAME_SHOWN, UsageError, excerpt
from simqueue.model.config import Config
from simqueue.search.campaign.journal import State, read_state
from simqueue.search.campaign.statelines import SUFFIX, Identity, Session
from simqueue.search.campaign.tally import Campaign, Tally
from simqueue.search.planning.coverage import Evidence


@dataclass(frozen=True, slots=True)
class Merged:
    """The combined result of the given shards.

    ``gaps`` has a line for each shard that is missing or unfinished. ``known_file`` is the file of
    the accepted failures.
    """

    identity: Identity
    campaign: Campaign
    gaps: tuple[str, ...]
    known_file: str


def merge(paths: Iterable[str | os.PathLike[str]]) -> list[Merged]:
    """Merge the states at paths, and in directories among them: a campaign for each target.

    Raises:
        UsageError: a file cannot be read, or two are of different campaigns of one target, or of
            one shard.
    """
    shards: dict[str, list[State]] = {}
    for path in find_states(paths):
        state = read_state(path)
        shards.setdefault(state.identity.target, []).append(state)
    return [_merged(shards[target]) for target in sorted(shards)]


def _merged(shards: list[State]) -> Merged:
    first, *others = shards
    for other in others:
        _refuse_different(first, other)
    shards = sorted(shards, key=lambda state: state.identity.shard)
    for one, other in itertools.pairwise(shards):
        if one.identity.shard == other.identity.shard:
            which = _shard(*one.identity.shard)
            raise UsageError(f"{one.origin} and {other.origin} are both {which}: leave one out")
    session = _last_session(shards)
    return Merged(
        identity=first.identity.whole(),
        campaign=_counted(shards, session),
        gaps=tuple(_gaps(shards)),
        known_file="" if session is None else session.known_file,
    )


def _refuse_different(one: State, other: State) -> None:
    """Raise for shards that do not belong together."""
    mine, theirs = one.identity, other.identity
    for what, this, that in (
        ("strategy", mine.strategy, theirs.strategy),
        ("first seed", mine.seed, theirs.seed),
        ("number of shards", mine.shard[1], theirs.shard[1]),
        ("accepted failures", mine.accepted, theirs.accepted),
        ("config", mine.config, theirs.config),
    ):
        if this != that:
            values = ""
            if isinstance(this, (int, str)):
                values = f": {excerpt(str(this))} and {excerpt(str(that))}"
            if isinstance(this, Config):
                values = f" ({', '.join(_changed(mine.config, theirs.config))})"
            target = excerpt(mine.target, NAME_SHOWN)
            raise UsageError(
                f"{one.origin} and {other.origin} are of different campaigns of {target}: they "
                f"differ in their {what}{values}; name the files of one"
            )


def _changed(one: Config, other: Config) -> list[str]:
    """Return the fields in which two configs differ."""
    fields = Config.__struct_fields__
    return [name for name in fields if getattr(one, name) != getattr(other, name)]


def _last_session(shards: list[State]) -> Session | None:
    sessions = [session for state in shards for session in state.sessions]
    return sessions[-1] if sessions else None


def _counted(shards: list[State], session: Session | None) -> Campaign:
    known = {} if session is None else {each.signature: each for each in session.known}
    wanted = frozenset[str]() if session is None else session.wanted
    tally = Tally(lambda: 0.0, known, Evidence(wanted=wanted))
    for state in shards:
        tally.resume(state.results.values())
    campaign = tally.whole_campaign(shards[0].identity.config)
    elapsed = sum(ended.elapsed for state in shards for ended in state.ends)
    remarks = [
        *dict.fromkeys(line for state in shards for line in _remarks(state)),
        *_mixtures(shards),
    ]
    return replace(campaign, said=tuple(remarks), elapsed=elapsed, resumed=0)


def _remarks(state: State) -> tuple[str, ...]:
    return state.ends[-1].said if state.finished else ()


def _mixtures(shards: list[State]) -> Iterator[str]:
    """Return remarks about differences between the shards' sessions that should not exist."""
    sessions = [session for state in shards for session in state.sessions]
    for session in sessions[:-1]:
        if changes := session.changes(sessions[-1]):
            yield f"some runs were played with {' and '.join(changes)}"
            return


def _gaps(shards: list[State]) -> Iterator[str]:
    by_number = {state.identity.shard[0]: state for state in shards}
    of = shards[0].identity.shard[1]
    for number in range(1, of + 1):
        if number not in by_number:
            yield f"{_shard(number, of)} is missing"
        elif not by_number[number].finished:
            done = len(by_number[number].results)
            yield f"{_shard(number, of)} was cut short after {done} runs"


def _shard(this: int, of: int) -> str:
    return "the whole campaign" if of == 1 else f"shard {this}/{of}"


def find_states(paths: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Return the files among paths and in directories among them, however deep.

    Raises:
        UsageError: there is nothing at a path, or no state in a directory.
    """
    states: dict[str, None] = {}
    for path in paths:
        files = [Path(path)]
        if Path(path).is_dir():
            files = sorted(Path(path).rglob(f"*{SUFFIX}"))
            if not files:
                raise UsageError(f"{os.fspath(path)}: no *{SUFFIX} is in this directory")
        states.update((os.fspath(file), None) for file in files)
    return list(states)
