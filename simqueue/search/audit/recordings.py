"""Recordings: one seed played in fresh processes, each under its own circumstances."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import msgspec

from simqueue.errors import UsageError
from simqueue.model.config import Config
from simqueue.model.trace import Trace
from simqueue.search.audit.set_orders import SetOrder
from simqueue.search.processes.address_space import randomized
from simqueue.search.processes.fresh import command_line, environment

RECORD_COMMAND = "_record"
"""The hidden command that a fresh process is started with: target, seed, config, trace file, and
optionally a file for the orders of sets."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A run of a fresh process; ``orders`` are there if they were asked for."""

    trace: Trace
    orders: tuple[SetOrder, ...] = ()


@dataclass(frozen=True, slots=True)
class Recordings:
    """Plays one seed of a target in fresh processes."""

    target: str
    seed: int
    config: Config

    def record(self, hash_seed: str, *, fixed: bool = False, sets: bool = False) -> Recording:
        """Play it under a PYTHONHASHSEED.

        Args:
            hash_seed: what PYTHONHASHSEED is set to.
            fixed: leave addresses as they are for this process's children, which the command line
                has fixed where that is permitted; else they are random.
            sets: also write down how sets were iterated, which is slow.

        Raises:
            UsageError: the process could not run it.
        """
        with tempfile.TemporaryDirectory(prefix="simqueue-") as directory:
            file, orders = Path(directory, "trace.json"), Path(directory, "sets.json")
            settings = msgspec.json.encode(self.config).decode()
            arguments = [RECORD_COMMAND, "--", self.target, str(self.seed), settings, str(file)]
            arguments += [str(orders)] * sets
            with nullcontext() if fixed else randomized():
                self._play(arguments, hash_seed)
            found = (
                msgspec.json.decode(orders.read_bytes(), type=tuple[SetOrder, ...]) if sets else ()
            )
            return Recording(Trace.load(file), found)

    def _play(self, arguments: list[str], hash_seed: str) -> None:
        done = subprocess.run(  # noqa: S603  our own interpreter and our own command
            command_line(*arguments),
            env=environment(hash_seed),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            lines = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()
            raise UsageError(f"{self.target}: a fresh process could not run it: {lines[-1]}")


def decode_config(text: str) -> Config:
    """Return the configuration that a fresh process was given."""
    return msgspec.json.decode(text, type=Config)
