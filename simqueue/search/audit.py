"""An audit: one seed under other circumstances, which must change nothing."""

from __future__ import annotations

import gc
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from simqueue.errors import UsageError
from simqueue.model.config import Config
from simqueue.model.trace import Trace
from simqueue.report.difference import Difference, first_difference
from simqueue.search.fresh import command_line, environment
from simqueue.search.target import Target
from simqueue.sim.run import run

HASH_SEEDS = ("0", "1", "2", "random")
RECORD_COMMAND = "_record"
"""The hidden command that a fresh process is started with: target, seed, config, trace file."""

_JUNK = 20_000


@dataclass(frozen=True, slots=True)
class Circumstance:
    """One more run of the seed, under which circumstances, and where it first went its own way."""

    name: str
    difference: Difference | None


@dataclass(frozen=True, slots=True)
class Audit:
    """The first run, and how each of the others compares with it."""

    trace: Trace
    circumstances: tuple[Circumstance, ...]

    @property
    def same(self) -> bool:
        """Whether nothing decided on its own."""
        return all(circumstance.difference is None for circumstance in self.circumstances)


def audit(
    target: Target,
    *,
    seed: int = 0,
    config: Config = Config(),  # noqa: B008  frozen
    on_progress: Callable[[Circumstance], None] | None = None,
) -> Audit:
    """Run one seed here, again with another heap, and in fresh processes with other hash seeds.

    Raises:
        UsageError: a fresh process could not run it.
    """
    first = _run(target, seed, config)
    seen = []
    for name, trace in _others(target, seed, config):
        seen.append(Circumstance(name, first_difference(first, trace)))
        if on_progress is not None:
            on_progress(seen[-1])
    return Audit(first, tuple(seen))


def _run(target: Target, seed: int, config: Config) -> Trace:
    return run(target.scenario, seed=seed, config=config, target=target.name).trace


def _others(target: Target, seed: int, config: Config) -> Iterator[tuple[str, Trace]]:
    junk = _disturb()
    yield "again, with a disturbed heap", _run(target, seed, config)
    del junk
    for hash_seed in HASH_SEEDS:
        trace = _in_fresh_process(target, seed, config, hash_seed)
        yield f"fresh process, PYTHONHASHSEED={hash_seed}", trace


def _disturb() -> list[object]:
    """Leave holes in the heap, so that what is allocated next lies at other addresses."""
    junk: list[object] = [[object()] * (number % 7) for number in range(_JUNK)]
    del junk[::3]
    gc.collect()
    return junk


def _in_fresh_process(target: Target, seed: int, config: Config, hash_seed: str) -> Trace:
    with tempfile.TemporaryDirectory(prefix="simqueue-") as directory:
        file = Path(directory, "trace.json")
        settings = msgspec.json.encode(config).decode()
        arguments = [RECORD_COMMAND, target.name, str(seed), settings, str(file)]
        done = subprocess.run(  # noqa: S603  our own interpreter and our own command
            command_line(*arguments),
            env=environment(hash_seed),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
            raise UsageError(f"{target.name}: a fresh process could not run it: {said}")
        return Trace.load(file)


def decode_config(text: str) -> Config:
    """Return the configuration that a fresh process was given."""
    return msgspec.json.decode(text, type=Config)
